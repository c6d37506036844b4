namespace Amqp.Host.RabbitConfig;

/// <summary>One setting of a file.</summary>
/// <param name="Place">File and line, for people.</param>
internal readonly record struct SysctlSetting(string Key, string Value, string Place);

/// <summary>The format of RabbitMQ's <c>rabbitmq.conf</c>: <c>key.with.dots = value</c>, and comments behind <c>#</c>.</summary>
internal static class SysctlFile
{
    /// <summary>Settings in the order of their lines.</summary>
    /// <param name="notUnderstood">Told of each line that is none.</param>
    public static IEnumerable<SysctlSetting> Read(string path, Action<string> notUnderstood)
    {
        var number = 0;
        foreach (var line in File.ReadLines(path))
        {
            number++;
            var text = line.Trim();
            if (text.Length == 0 || text[0] == '#') continue;
            var place = $"{path}, line {number}";
            var equals = text.IndexOf('=', StringComparison.Ordinal);
            var key = equals < 0 ? "" : text[..equals].TrimEnd();
            if (key.Length == 0 || key.Any(char.IsWhiteSpace)) notUnderstood($"{place}: '{Shorten(text)}' is no setting, which would be 'key = value'");
            else yield return new SysctlSetting(key, ValueOf(text[(equals + 1)..].TrimStart()), place);
        }
    }

    /// <summary>In single quotes everything is part of the value; otherwise it ends where a comment begins.</summary>
    private static string ValueOf(string text)
    {
        if (text.StartsWith('\'') && text.IndexOf('\'', 1) is > 0 and var end) return text[1..end];
        var comment = text.IndexOf('#', StringComparison.Ordinal);
        return (comment < 0 ? text : text[..comment]).TrimEnd();
    }

    /// <summary>There may be a password in it.</summary>
    private static string Shorten(string text) => text.Length <= 20 ? text : $"{text[..20]}...";
}
