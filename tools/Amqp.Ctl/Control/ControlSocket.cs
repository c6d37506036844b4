using System.Text;
using System.Text.Json;

namespace Amqp.Ctl.Control;

/// <summary>Where the broker listens for its operators: a Unix domain socket.</summary>
internal static class ControlSocket
{
    private const string FileName = "control.sock";
    private const string SettingsName = "appsettings.json";
    private const string DefaultDirectory = "data";

    /// <summary>Finds it as the broker does: options, then the environment, then appsettings.json, then the default.</summary>
    /// <param name="socket">The path itself, if it was given.</param>
    /// <param name="dataDirectory">The broker's data directory, if that was given.</param>
    /// <exception cref="Failure">The settings cannot be read.</exception>
    public static string Find(string? socket, string? dataDirectory)
    {
        if (socket is null && dataDirectory is null)
        {
            using var settings = Settings();
            socket = Value(settings, "Control", "Socket");
            dataDirectory = Value(settings, "Storage", "Directory");
        }
        return Shorter(socket ?? Path.Combine(dataDirectory ?? DefaultDirectory, FileName));
    }

    /// <summary>A Unix socket's path is at most 107 bytes, so it is named the shorter way.</summary>
    private static string Shorter(string path)
    {
        var absolute = Path.GetFullPath(path);
        var relative = Path.GetRelativePath(Environment.CurrentDirectory, absolute);
        return Encoding.UTF8.GetByteCount(relative) < Encoding.UTF8.GetByteCount(absolute) ? relative : absolute;
    }

    private static string? Value(JsonDocument? settings, string section, string name)
    {
        var value = Environment.GetEnvironmentVariable($"{section}__{name}")
            ?? (Member(settings?.RootElement, section) is { } inner && Member(inner, name) is { ValueKind: JsonValueKind.String } text ? text.GetString() : null);
        return string.IsNullOrEmpty(value) ? null : value;
    }

    /// <summary>Configuration of .NET does not look at the case of names.</summary>
    private static JsonElement? Member(JsonElement? parent, string name)
    {
        if (parent is not { ValueKind: JsonValueKind.Object } element) return null;
        foreach (var member in element.EnumerateObject())
            if (member.Name.Equals(name, StringComparison.OrdinalIgnoreCase)) return member.Value;
        return null;
    }

    private static JsonDocument? Settings()
    {
        var path = File.Exists(SettingsName) ? Path.GetFullPath(SettingsName) : Path.Combine(AppContext.BaseDirectory, SettingsName);
        if (!File.Exists(path)) return null;
        try
        {
            return JsonDocument.Parse(File.ReadAllBytes(path), new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new Failure(ExitCode.Config, $"Error: cannot read {path}, where the broker's data directory is named: {e.Message}\nName the directory with --data-directory, or the control socket with --socket.");
        }
    }
}
