using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.EnvironmentVariables;

namespace Amqp.Host.Options;

/// <summary>
/// Environment variables by which RabbitMQ is configured, in container images above all, as options of ours. They override
/// <c>appsettings.json</c>; the environment's own spelling (<c>Security__DefaultUser</c>) and the command line override them.
/// </summary>
public static class RabbitVariables
{
    private static readonly (string Variable, string Option)[] Known =
    [
        ("RABBITMQ_DEFAULT_USER", "Security:DefaultUser"),
        ("RABBITMQ_DEFAULT_PASS", "Security:DefaultPassword"),
        ("RABBITMQ_DEFAULT_VHOST", "Security:DefaultVhost"),
    ];

    /// <summary>Puts them in their place among the sources.</summary>
    public static void AddTo(IConfigurationBuilder configuration)
    {
        var options = new Dictionary<string, string?>();
        foreach (var (variable, option) in Known)
        {
            // An empty one is none, as in RabbitMQ.
            if (Environment.GetEnvironmentVariable(variable) is { Length: > 0 } value) options.Add(option, value);
        }
        var sources = configuration.Sources;
        var environment = sources.OfType<EnvironmentVariablesConfigurationSource>().Last();
        sources.Insert(sources.IndexOf(environment), new Microsoft.Extensions.Configuration.Memory.MemoryConfigurationSource { InitialData = options });
    }
}
