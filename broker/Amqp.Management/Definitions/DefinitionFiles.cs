using System.Text.Json;
using Amqp.Broker;
using Amqp.Management.Http;
using Amqp.Management.Logins;
using Microsoft.Extensions.Logging;

namespace Amqp.Management.Definitions;

/// <summary>Definitions that a node imports when it starts (RabbitMQ's <c>load_definitions</c>).</summary>
public static partial class DefinitionFiles
{
    /// <summary>Imports a file, or all files <c>*.json</c> of a directory in the order of their names.</summary>
    /// <exception cref="InvalidDataException">One of them cannot be read, or something in it cannot be. What comes before has been made.</exception>
    public static async Task Import(BrokerNode node, string path, ILogger logger)
    {
        foreach (var file in FilesIn(path))
        {
            LogReading(logger, file);
            try
            {
                var json = await File.ReadAllBytesAsync(file);
                await new DefinitionsImport(node, Requester.OperatorOfHost, TimeProvider.System, logger).Import(Body.Read(JsonElement.Parse(json)), into: null);
            }
            catch (Exception exception) when (exception is BadRequestException or JsonException or IOException or UnauthorizedAccessException)
            {
                throw new InvalidDataException($"the definitions in {file} cannot be imported: {exception.Message}", exception);
            }
        }
    }

    /// <exception cref="InvalidDataException">There is nothing of that name.</exception>
    private static IEnumerable<string> FilesIn(string path)
    {
        if (File.Exists(path)) return [path];
        return Directory.Exists(path) ? Directory.GetFiles(path, "*.json").Order(StringComparer.Ordinal) : throw new InvalidDataException($"there is no file or directory of definitions {path}");
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Importing definitions from {File}")]
    private static partial void LogReading(ILogger logger, string file);
}
