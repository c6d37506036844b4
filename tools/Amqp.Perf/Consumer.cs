using System.Buffers.Binary;
using AMQP.Net;

namespace Amqp.Perf;

/// <summary>One consuming connection, with a thread that reads deliveries and acknowledges them.</summary>
internal sealed class Consumer : IDisposable
{
    private readonly PerfOptions _options;
    private readonly Run _run;
    private readonly PerfConnection _connection;
    private readonly string[] _tags;
    private readonly Thread _thread;
    private readonly SendBuffer _acks = new();
    private ulong _deliveryTag;
    private ulong _ackedTag;
    private ulong _bodyLeft;
    private bool _bodyBegins;
    private long _publishedAt;
    private long _received;
    private long _lastReceivedAt;
    private int _cancelled;

    public Consumer(PerfOptions options, Run run, int index)
    {
        _options = options;
        _run = run;
        _connection = PerfConnection.Open(options.Uri, $"{options.Prefix}consumer-{index}");
        if (options.Prefetch > 0) _connection.Call<BasicQos, BasicQosOk>(new(PrefetchSize: 0, (ushort)options.Prefetch, Global: false));
        var queues = options.QueuesOf(index, options.Consumers).ToArray();
        _tags = queues.Select(queue => $"c{queue}").ToArray();
        _thread = new Thread(() => Work(queues)) { IsBackground = true, Name = $"consumer {index}" };
    }

    public long Received => Volatile.Read(ref _received);

    /// <summary>When the last message came, nanoseconds; 0 if none has.</summary>
    public long LastReceivedAt => Volatile.Read(ref _lastReceivedAt);

    public Histogram Latency { get; } = new();

    public void Start() => _thread.Start();

    /// <summary>Cancels, acknowledges what is left and closes the connection.</summary>
    /// <returns>False when the broker did not answer in time.</returns>
    public bool Join(TimeSpan timeout)
    {
        try
        {
            foreach (var tag in _tags)
                if (_thread.IsAlive) _connection.Send(PerfConnection.Channel, new BasicCancel(tag, NoWait: false));
        }
        catch (PerfException failure)
        {
            _run.Fail(failure);
        }
        return _thread.Join(timeout);
    }

    public void Dispose() => _connection.Dispose();

    private void Work(int[] queues)
    {
        try
        {
            for (var i = 0; i < queues.Length; i++)
            {
                _connection.Send(PerfConnection.Channel, new BasicConsume(
                    _options.QueueName(queues[i]), _tags[i], NoLocal: false, _options.AutoAck, Exclusive: false, NoWait: false, FieldTable.Empty));
            }
            while (_cancelled < _tags.Length)
            {
                _connection.Receive();
                HandleInput(Clock.Now);
            }
            if (!_options.AutoAck && _deliveryTag > _ackedTag) Acknowledge();
            SendAcks();
            _connection.Close();
        }
        catch (Exception failure)
        {
            if (!_connection.IsDisposed) _run.Fail(failure);
        }
    }

    private void HandleInput(long now)
    {
        var before = _received;
        while (_connection.TryRead(out var frame))
        {
            switch (frame.Type)
            {
                case FrameType.Method when frame.MethodId == MethodId.BasicDeliver:
                    // Only the tag is of interest; the strings are stepped over.
                    var arguments = new WireReader(frame.Arguments);
                    arguments.ReadShortStringBytes();
                    _deliveryTag = arguments.ReadLongLong();
                    break;
                case FrameType.Header:
                    _bodyLeft = BinaryPrimitives.ReadUInt64BigEndian(frame.Payload[4..]);
                    _bodyBegins = true;
                    _publishedAt = 0;
                    if (_bodyLeft == 0) Complete(now);
                    break;
                case FrameType.Body:
                    if (_bodyBegins) _publishedAt = Message.TimeOf(frame.Payload, _run.Id);
                    _bodyBegins = false;
                    _bodyLeft -= (ulong)frame.Payload.Length;
                    if (_bodyLeft == 0) Complete(now);
                    break;
                default:
                    HandleOther(frame);
                    break;
            }
        }
        if (_received > before) Volatile.Write(ref _lastReceivedAt, now);
        SendAcks();
    }

    private void HandleOther(in Frame frame)
    {
        if (_connection.HandleCommon(frame)) return;
        switch (frame.MethodId)
        {
            case MethodId.BasicConsumeOk: break;
            case MethodId.BasicCancelOk: _cancelled++; break;
            case MethodId.BasicCancel: throw new PerfException($"the broker cancelled consumer {MethodReader.Read<BasicCancel>(frame).ConsumerTag}");
            default: throw _connection.Unexpected(frame);
        }
    }

    private void Complete(long now)
    {
        if (_publishedAt > 0) Latency.Record(now - _publishedAt);
        Volatile.Write(ref _received, _received + 1);
        if (!_options.AutoAck && _deliveryTag - _ackedTag >= (ulong)_options.AckBatch) Acknowledge();
    }

    private void Acknowledge()
    {
        FrameWriter.WriteMethod(_acks, PerfConnection.Channel, new BasicAck(_deliveryTag, Multiple: _options.AckBatch > 1));
        _ackedTag = _deliveryTag;
    }

    private void SendAcks()
    {
        if (_acks.Length == 0) return;
        _connection.Send(_acks.Written);
        _acks.Clear();
    }
}
