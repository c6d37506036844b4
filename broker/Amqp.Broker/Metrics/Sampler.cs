using Amqp.Broker.Loops;
using Amqp.Core.Metrics;

namespace Amqp.Broker.Metrics;

/// <summary>
/// Every five seconds goes through everything that is measured and takes a sample, without asking the owners. What became of it is in
/// the meters, for all who want to know.
/// </summary>
internal sealed class Sampler : IDisposable
{
    /// <summary>Passes after which something idle has nothing left to tell: the longest window is one of zeros.</summary>
    private const long IdleMax = 86_400_000 / SampleClock.IntervalMs;

    /// <summary>Passes after which the history of something idle may make room for another's.</summary>
    private const long IdleMin = 600_000 / SampleClock.IntervalMs;

    private readonly NodeMetrics _metrics;
    private readonly BrokerClock _clock;
    private readonly LoopTimer _timer;
    private readonly long _historyBytesMax;
    private readonly List<Meter> _idle = [];

    // What histories took at the end of the last pass, and those that were begun since.
    private long _historyBytes;

    /// <param name="historyBytesMax">What histories may take, all together; those of virtual hosts and the node come on top.</param>
    public Sampler(NodeMetrics metrics, long historyBytesMax, BrokerClock clock)
    {
        (_metrics, _historyBytesMax, _clock) = (metrics, historyBytesMax, clock);
        metrics.Clock.Begin(clock.Now, clock.WallClockAheadMs);
        metrics.Clock.End();
        _timer = clock.CreateTimer(Pass);
        _timer.Set(SampleClock.IntervalMs);
    }

    public void Dispose() => _timer.Dispose();

    private void Pass()
    {
        var began = _clock.Now;
        _metrics.Clock.Begin(began, _clock.WallClockAheadMs);
        _metrics.Churn.Sample(_metrics.Clock.NowMs - _metrics.Clock.PreviousMs);
        var historyBytes = 0L;
        _idle.Clear();
        foreach (var measured in _metrics.All())
        {
            if (measured.IsQuiet) continue;
            var meter = measured.Meter;
            var isFew = measured.Level >= MeasuredLevel.VirtualHost;
            var hadHistory = meter.HistoryBytes > 0;
            measured.Sample(mayBeginHistory: isFew || _historyBytes < _historyBytesMax);
            if (meter.HistoryBytes == 0) continue;
            if (!hadHistory && !isFew) _historyBytes += meter.HistoryBytes;
            var idlePasses = _metrics.Clock.Pass - meter.ActiveInPass;
            if (idlePasses > IdleMax) meter.DropHistory();
            else if (!isFew)
            {
                historyBytes += meter.HistoryBytes;
                if (idlePasses > IdleMin) _idle.Add(meter);
            }
        }
        _metrics.Clock.End();
        _historyBytes = historyBytes;
        if (historyBytes >= _historyBytesMax) MakeRoom();
        _timer.Set(Math.Max(0, SampleClock.IntervalMs - (_clock.Now - began)));
    }

    /// <summary>Of what has been idle, that which was so longest gives up its history, for what comes to life next.</summary>
    private void MakeRoom()
    {
        _idle.Sort(static (one, other) => one.ActiveInPass.CompareTo(other.ActiveInPass));
        foreach (var meter in _idle)
        {
            _historyBytes -= meter.HistoryBytes;
            meter.DropHistory();
            if (_historyBytes < _historyBytesMax - (_historyBytesMax / 8)) return;
        }
    }
}
