using System.Collections.Immutable;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.EnvironmentVariables;
using Microsoft.Extensions.Configuration.Memory;

namespace Amqp.Host.RabbitConfig;

/// <summary>
/// RabbitMQ's configuration as options of ours: <c>rabbitmq.conf</c>, <c>enabled_plugins</c>, and the environment variables of its container images, each overriding those before. They override
/// <c>appsettings.json</c>; the environment's own spelling (<c>Security__DefaultUser</c>) and the command line override them.
/// </summary>
public sealed class RabbitConfiguration
{
    private readonly ConfigNotes _notes = new();
    private readonly ImmutableArray<string>.Builder _files = ImmutableArray.CreateBuilder<string>();

    private RabbitConfiguration()
    {
    }

    /// <summary>The files that were read.</summary>
    public ImmutableArray<string> Files => _files.ToImmutable();

    /// <summary>For the log: what is not as they want it (a warning), and what changes nothing.</summary>
    public IReadOnlyList<(bool IsWarning, string Text)> Notes => _notes.All;

    /// <summary>Puts them in their place among the sources.</summary>
    /// <param name="configuration">Says which files there are, unless the environment does.</param>
    /// <exception cref="Options.OptionsException">A file that the options name cannot be read.</exception>
    public static RabbitConfiguration AddTo(ConfigurationManager configuration)
    {
        var read = new RabbitConfiguration();
        var options = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        var conf = read.Find(configuration["RabbitMQ:ConfigFile"], "RABBITMQ_CONFIG_FILE", ".conf");
        var keys = new ConfigKeys(read._notes, listensOnAll: conf is not null) { Cookie = RabbitVariables.Find("RABBITMQ_ERLANG_COOKIE") };
        if (conf is not null) read.ReadFiles(conf, keys);
        RabbitVariables.Give(keys);
        foreach (var (option, value) in keys.Finish()) options[option] = value;
        if (read.Find(configuration["RabbitMQ:EnabledPluginsFile"], "RABBITMQ_ENABLED_PLUGINS_FILE", ".") is { } plugins)
        {
            read._files.Add(plugins);
            foreach (var (option, value) in EnabledPlugins.Read(plugins, read._notes)) options[option] = value;
        }
        foreach (var (option, value) in RabbitVariables.Options(read._notes)) options[option] = value;
        var sources = ((IConfigurationBuilder)configuration).Sources;
        var environment = sources.OfType<EnvironmentVariablesConfigurationSource>().Last();
        sources.Insert(sources.IndexOf(environment), new MemoryConfigurationSource { InitialData = options });
        return read;
    }

    /// <summary>RabbitMQ wants the name of the file with or without its ending.</summary>
    /// <returns>Null: there is none.</returns>
    private string? Find(string? option, string variable, string ending)
    {
        if (option is { Length: > 0 }) return File.Exists(option) ? option : throw new Options.OptionsException($"There is no file '{option}', which the options name as a file of RabbitMQ's configuration.");
        if (RabbitVariables.Find(variable) is not { } path) return null;
        if (Array.Find([path, path + ending], File.Exists) is { } found) return found;
        _notes.Warn($"{variable} names {path}, and there is no such file");
        return null;
    }

    private void ReadFiles(string conf, ConfigKeys keys)
    {
        var directory = Path.GetDirectoryName(Path.GetFullPath(conf))!;
        var more = RabbitVariables.Find("RABBITMQ_CONFIG_FILES") ?? Path.Combine(directory, "conf.d");
        string[] others = Directory.Exists(more) ? [.. Directory.GetFiles(more, "*.conf").Order(StringComparer.Ordinal)] : [];
        foreach (var file in (string[])[conf, .. others])
        {
            _files.Add(file);
            foreach (var setting in SysctlFile.Read(file, _notes.Warn)) keys.Take(setting);
        }
        var advanced = RabbitVariables.Find("RABBITMQ_ADVANCED_CONFIG_FILE") ?? Path.Combine(directory, "advanced.config");
        if (File.Exists(advanced) && File.ReadAllText(advanced).Trim() is not ("" or "[].")) _notes.Warn($"{advanced} is not read: it holds terms of Erlang; what of it is needed has a key in rabbitmq.conf or an option here");
    }
}
