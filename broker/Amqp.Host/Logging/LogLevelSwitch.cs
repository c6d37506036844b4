using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace Amqp.Host.Logging;

/// <summary>The level that an operator sets, until the next start (<c>set_log_level</c>), in place of the configured one of everything that is the broker's.</summary>
internal sealed class LogLevelSwitch : IConfigureOptions<LoggerFilterOptions>, IOptionsChangeTokenSource<LoggerFilterOptions>
{
    /// <summary>What categories of the broker begin with. What the framework says has filters of its own.</summary>
    private const string Own = "Amqp";

    private CancellationTokenSource _changed = new();
    private LogLevel? _level;

    public string Name => Microsoft.Extensions.Options.Options.DefaultName;

    public IChangeToken GetChangeToken() => new CancellationChangeToken(_changed.Token);

    public void Configure(LoggerFilterOptions options)
    {
        if (_level is { } level) options.Rules.Add(new LoggerFilterRule(providerName: null, Own, level, filter: null));
    }

    public void Set(LogLevel level)
    {
        _level = level;
        Interlocked.Exchange(ref _changed, new CancellationTokenSource()).Cancel();
    }
}
