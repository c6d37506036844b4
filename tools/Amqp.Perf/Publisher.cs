using AMQP.Net;

namespace Amqp.Perf;

/// <summary>
/// One publishing connection: a thread that sends, as fast as confirm window, rate and broker let it, and a thread that reads
/// confirms. In tx mode commit-ok is the confirm of all that was published since the one before.
/// </summary>
internal sealed class Publisher : IDisposable
{
    /// <summary>A socket write stops growing at this size, bytes.</summary>
    private const int WriteSizeMax = 64 * 1024;

    /// <summary>A message later than this was held up by the broker and not by this thread's sleep: its latency counts from when
    /// it was due, or a stalled broker would be flattered by the messages it kept from being sent.</summary>
    private const long LatenessMin = 2 * Clock.Millisecond;

    private readonly PerfOptions _options;
    private readonly Run _run;
    private readonly PerfConnection _connection;
    private readonly Message[] _messages;
    private readonly ConfirmWindow? _window;
    private readonly long _quota;
    private readonly Thread _sender;
    private readonly Thread _reader;
    private readonly SendBuffer _buffer = new();
    private long _startedAt;
    private long _sent;
    private bool _closing;

    public Publisher(PerfOptions options, Run run, int index)
    {
        _options = options;
        _run = run;
        _connection = PerfConnection.Open(options.Uri, $"{options.Prefix}publisher-{index}");
        _messages = options.QueuesOf(index, options.Publishers).SelectMany(queue => Message.For(options, run, queue, _connection.FrameMax)).ToArray();
        _quota = options.Messages == 0 ? long.MaxValue : (options.Messages / options.Publishers) + (index < options.Messages % options.Publishers ? 1 : 0);
        if (options.ConfirmWindow > 0)
        {
            _connection.Call<ConfirmSelect, ConfirmSelectOk>(new(NoWait: false));
            _window = new ConfirmWindow(options.ConfirmWindow);
        }
        if (options.Transaction > 0)
        {
            _connection.Call<TxSelect, TxSelectOk>(default);
            _window = new ConfirmWindow(options.Transaction);
        }
        _sender = new Thread(() => Guard(SendAll)) { IsBackground = true, Name = $"publisher {index} sends" };
        _reader = new Thread(() => Guard(ReadAll)) { IsBackground = true, Name = $"publisher {index} reads" };
    }

    public long Sent => Volatile.Read(ref _sent);

    public long Confirmed => _window?.Confirmed ?? 0;

    public long Rejected => _window?.Rejected ?? 0;

    public long Unconfirmed => _window?.Missing ?? 0;

    public Histogram? Latency => _window?.Latency;

    public long Writes { get; private set; }

    public string? Blocked => _connection.Blocked;

    /// <summary>True when all its messages are sent.</summary>
    public bool IsDone => !_sender.IsAlive;

    public void Start()
    {
        _startedAt = Clock.Now;
        _reader.Start();
        _sender.Start();
    }

    /// <summary>Waits for the sending thread, and for the reading one after asking the broker to close.</summary>
    /// <returns>False when the broker kept them longer than that.</returns>
    public bool Join(TimeSpan timeout)
    {
        if (!_sender.Join(timeout)) return false;
        Volatile.Write(ref _closing, true);
        if (_reader.IsAlive) Guard(_connection.RequestClose);
        return _reader.Join(timeout);
    }

    public void Dispose()
    {
        _connection.Dispose();
        _window?.Dispose();
    }

    private void Guard(Action work)
    {
        try
        {
            work();
        }
        catch (Exception failure)
        {
            if (!_connection.IsDisposed) _run.Fail(failure);
        }
    }

    private void SendAll()
    {
        for (var next = 0; _sent < _quota && !_run.HasEnded;)
        {
            var count = _window?.WaitForRoom(_run) ?? int.MaxValue;
            count = (int)Math.Min(count, _quota - _sent);
            if (_options.Batch > 0) count = Math.Min(count, _options.Batch);
            if (_options.Rate > 0) count = Math.Min(count, WaitUntilDue());
            if (count == 0) continue;

            _buffer.Clear();
            var (now, sent) = (Clock.Now, _sent);
            for (; count > 0; count--, sent++)
            {
                var message = _messages[next];
                if (_buffer.Length > 0 && _buffer.Length + message.Size > WriteSizeMax) break;
                next = next + 1 == _messages.Length ? 0 : next + 1;
                var time = TimeOf(sent + 1, now);
                message.AppendTo(_buffer, time);
                _window?.Add(time);
            }
            if (_options.Transaction > 0 && sent % _options.Transaction == 0) AppendCommit();
            _connection.Send(_buffer.Written);
            Writes++;
            Volatile.Write(ref _sent, sent);
        }
        if (_options.Transaction == 0 || _sent % _options.Transaction == 0) return;
        _buffer.Clear();
        AppendCommit();
        _connection.Send(_buffer.Written);
    }

    private void AppendCommit() => FrameWriter.WriteMethod(_buffer, PerfConnection.Channel, default(TxCommit));

    /// <summary>How many messages are due now; sleeps once when none is.</summary>
    private int WaitUntilDue()
    {
        var due = (long)((Int128)(Clock.Now - _startedAt) * _options.Rate / _options.Publishers / Clock.Second) - _sent;
        if (due > 0) return (int)Math.Min(due, int.MaxValue);
        _run.Sleep(DueAt(_sent + 1) - Clock.Now);
        return 0;
    }

    private long DueAt(long number) => _startedAt + (long)((Int128)number * Clock.Second * _options.Publishers / _options.Rate);

    private long TimeOf(long number, long now)
    {
        if (_options.Rate == 0) return now;
        var due = DueAt(number);
        return now - due > LatenessMin ? due : now;
    }

    private void ReadAll()
    {
        while (true)
        {
            _connection.Receive();
            var now = Clock.Now;
            while (_connection.TryRead(out var frame))
            {
                if (frame.Type == FrameType.Method && frame.MethodId == MethodId.ConnectionCloseOk && Volatile.Read(ref _closing)) return;
                if (!TrySettle(frame, now) && !_connection.HandleCommon(frame)) throw _connection.Unexpected(frame);
            }
            _window?.Free();
        }
    }

    private bool TrySettle(in Frame frame, long now)
    {
        if (_window is null || frame.Type != FrameType.Method) return false;
        switch (frame.MethodId)
        {
            case MethodId.BasicAck:
                var ack = MethodReader.Read<BasicAck>(frame);
                _window.Settle(ack.DeliveryTag, ack.Multiple, rejected: false, now);
                return true;
            case MethodId.TxCommitOk:
                _window.Settle(tag: 0, multiple: true, rejected: false, now);
                return true;
            case MethodId.BasicNack:
                var nack = MethodReader.Read<BasicNack>(frame);
                _window.Settle(nack.DeliveryTag, nack.Multiple, rejected: true, now);
                return true;
            default:
                return false;
        }
    }
}
