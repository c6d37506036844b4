namespace Amqp.Perf;

/// <summary>One run from the declaration of its queues to their deletion.</summary>
internal sealed class LoadTest(PerfOptions options, ProgressLines progress) : IDisposable
{
    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(5);

    private readonly List<Publisher> _publishers = [];
    private readonly List<Consumer> _consumers = [];
    private readonly Run _run = new();

    /// <summary>Ends the run as if its time were over.</summary>
    public void Interrupt() => _run.End();

    /// <exception cref="PerfException">Something kept the figures from being what they should.</exception>
    public Report Execute()
    {
        using var control = PerfConnection.Open(options.Uri, $"{options.Prefix}control");
        var topology = new Topology(options, control);
        try
        {
            var begun = Clock.Now;
            topology.Declare();
            var report = Measure((double)(Clock.Now - begun) / Clock.Second);
            topology.Delete();
            control.Close();
            return report;
        }
        catch (PerfException)
        {
            TryDelete();
            throw;
        }
    }

    public void Dispose()
    {
        foreach (var publisher in _publishers) publisher.Dispose();
        foreach (var consumer in _consumers) consumer.Dispose();
        _run.Dispose();
    }

    private Report Measure(double declareSeconds)
    {
        for (var i = 0; i < options.Consumers; i++) _consumers.Add(new Consumer(options, _run, i));
        for (var i = 0; i < options.Publishers; i++) _publishers.Add(new Publisher(options, _run, i));
        var baseline = Now();
        foreach (var consumer in _consumers) consumer.Start();
        foreach (var publisher in _publishers) publisher.Start();
        if (options.WarmUp > 0)
        {
            Watch(baseline.At + (options.WarmUp * Clock.Second), warmsUp: true);
            baseline = Now();
        }
        Watch(options.Duration > 0 ? baseline.At + (options.Duration * Clock.Second) : long.MaxValue, warmsUp: false);
        _run.End();
        var published = Now();
        StopPublishers();
        var received = Drain();
        foreach (var consumer in _consumers)
            if (!consumer.Join(CloseTimeout)) _run.Fail(new PerfException($"the broker did not answer basic.cancel within {CloseTimeout.TotalSeconds} s"));
        ThrowOnFailure();
        return new Report(options, baseline, published, received) { DeclareSeconds = declareSeconds };
    }

    /// <summary>Reports once a second until the time has come, all is sent and received, or the run ends.</summary>
    private void Watch(long until, bool warmsUp)
    {
        var last = Now();
        while (!_run.HasEnded && Clock.Now < until && !IsFinished())
        {
            var next = Math.Min(last.At + Clock.Second, until);
            while (Clock.Now < next && !_run.HasEnded && !IsFinished()) _run.Sleep(Math.Min(next - Clock.Now, 20 * Clock.Millisecond));
            var now = Now();
            if (now.At - last.At < Clock.Second / 2) break;
            progress.Show(now, now.Since(last), now.At - last.At, warmsUp, _publishers.Select(publisher => publisher.Blocked).FirstOrDefault(reason => reason is not null));
            last = now;
        }
    }

    private bool IsFinished() => options.Publishers > 0
        ? _publishers.TrueForAll(publisher => publisher.IsDone)
        : options.Messages > 0 && _consumers.Sum(consumer => consumer.Received) >= options.Messages;

    /// <summary>Waits for the confirms of what was sent, then closes.</summary>
    private void StopPublishers()
    {
        var until = Clock.Now + (options.Drain * Clock.Second);
        while (_publishers.Exists(publisher => !publisher.IsDone || publisher.Unconfirmed > 0) && Clock.Now < until && _run.Failure is null) Pause();
        var missing = _publishers.Sum(publisher => publisher.Unconfirmed);
        foreach (var publisher in _publishers)
        {
            // A broker that holds a publisher back reads the close only behind all that was sent before it.
            if (_run.Failure is null && !publisher.Join(TimeSpan.FromSeconds(options.Drain)))
                _run.Fail(new PerfException($"the broker kept a publisher from closing for {options.Drain} s{(publisher.Blocked is { } reason ? $" (blocked: {reason})" : "")}"));
        }
        ThrowOnFailure();
        if (missing > 0) throw new PerfException($"{missing} publishes were not confirmed within {options.Drain} s");
    }

    /// <summary>Lets the consumers have what was published, as long as something keeps coming.</summary>
    private Figures Drain()
    {
        var progressAt = Clock.Now;
        var figures = Now();
        if (options.Publishers == 0 || options.Consumers == 0) return figures;
        while (figures.Received < (figures.Sent - figures.Rejected) * options.FanOut && _run.Failure is null)
        {
            Pause();
            var now = Now();
            if (now.Received > figures.Received) progressAt = now.At;
            figures = now;
            if (now.At - progressAt < options.Drain * Clock.Second) continue;
            throw new PerfException($"{((figures.Sent - figures.Rejected) * options.FanOut) - figures.Received} messages did not arrive: none came for {options.Drain} s");
        }
        return figures;
    }

    /// <summary>The run has ended, so that its own sleep no longer sleeps.</summary>
    private static void Pause()
    {
        using var never = new ManualResetEvent(initialState: false);
        never.WaitOne(10);
    }

    private Figures Now() => Figures.Now(_publishers, _consumers, options.BrokerPid);

    private void ThrowOnFailure()
    {
        if (_run.Failure is { } failure) throw failure;
    }

    /// <summary>Cleans up after a failure, over a connection of its own: the failed one may be closed or out of step.</summary>
    private void TryDelete()
    {
        try
        {
            using var connection = PerfConnection.Open(options.Uri, $"{options.Prefix}cleanup");
            new Topology(options, connection).Delete();
            connection.Close();
        }
        catch (PerfException)
        {
            // The failure that is already on its way says more.
        }
    }
}
