using System.Text.RegularExpressions;

namespace Amqp.Host.RabbitConfig;

/// <summary>RabbitMQ's file <c>enabled_plugins</c>, an Erlang list of names: <c>[rabbitmq_management,rabbitmq_prometheus].</c></summary>
internal static partial class EnabledPlugins
{
    private const string Management = "rabbitmq_management";
    private const string Prometheus = "rabbitmq_prometheus";

    /// <summary>Plugins whose work is done here, whether they are enabled or not, or that there is nothing to do for.</summary>
    private static readonly HashSet<string> Here =
    [
        .. Amqp.Management.ManagementApi.Plugins, "rabbitmq_peer_discovery_common", "rabbitmq_web_dispatch", "rabbitmq_random_exchange", "rabbitmq_sharding_common",
    ];

    /// <summary>The ports of plugins that are not enabled are closed, and those that are not here are told of.</summary>
    /// <returns>Options of ours.</returns>
    public static IEnumerable<KeyValuePair<string, string?>> Read(string path, ConfigNotes notes)
    {
        if (List().Match(File.ReadAllText(path)) is not { Success: true } list)
        {
            notes.Warn($"{path} is no list of plugins, which would be [rabbitmq_management,rabbitmq_prometheus]., so it changes nothing");
            yield break;
        }
        var plugins = list.Groups["names"].Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(name => name.Trim('\'')).ToHashSet();
        if (!plugins.Contains(Management)) yield return new("Listeners:Management:Enabled", "false");
        if (!plugins.Contains(Prometheus)) yield return new("Listeners:Prometheus:Enabled", "false");
        foreach (var plugin in plugins.Where(plugin => !Here.Contains(plugin)).Order(StringComparer.Ordinal))
            notes.Warn($"{path}: there is no plugin {plugin} here, and nothing that does what it does");
    }

    [GeneratedRegex(@"\A\s*(%[^\n]*\n\s*)*\[(?<names>[^\]]*)\]\s*\.", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex List();
}
