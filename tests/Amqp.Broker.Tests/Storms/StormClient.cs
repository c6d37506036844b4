using System.Threading.Channels;
using AMQP.Net;
using Amqp.Broker.Tests.Nodes;
using Amqp.Testing;

namespace Amqp.Broker.Tests.Storms;

/// <summary>A client that does at random whatever clients do, correctly, and ends its connection in one way or another.</summary>
internal sealed class StormClient(TestNode node, Random random, Ledger ledger, string name)
{
    public const int KeptQueues = 3;
    public const int TemporaryQueues = 4;

    private const int Channels = 3;

    private readonly Channel<ReceivedFrame> _received = Channel.CreateUnbounded<ReceivedFrame>();
    private readonly SemaphoreSlim _reading = new(1);
    private readonly StormChannel[] _channels = new StormChannel[Channels];
    private TestClient _client = null!;
    private int _lastNumber;

    public async Task Run()
    {
        _client = await node.Connect();
        var pump = Pump();
        for (ushort number = 1; number <= Channels; number++) await Open(number);
        for (var actions = random.Next(10, 150); actions > 0; actions--)
        {
            while (_received.Reader.TryRead(out var frame)) Take(frame);
            await Act(_channels[random.Next(Channels)]);
        }
        await End();
        await pump.WaitAsync(Patience.Answer);
        await _client.Served.WaitAsync(Patience.Answer);
    }

    private static QueueDeclare Declaration(string queue) =>
        TestClient.Declaration(queue, durable: queue.EndsWith('1'), exclusive: queue.StartsWith("mine", StringComparison.Ordinal));

    private async Task Pump()
    {
        try
        {
            while (true)
            {
                await _reading.WaitAsync();
                _reading.Release();
                if (await _client.Read(Timeout.InfiniteTimeSpan) is not { } frame) return;
                _received.Writer.TryWrite(frame);
            }
        }
        finally
        {
            _received.Writer.TryComplete();
        }
    }

    private Task Act(StormChannel channel) => random.Next(20) switch
    {
        < 5 => Publish(channel, random.Next(1, 40), random.Next(4) == 0 ? 3_000 : 10),
        < 9 => Settle(channel),
        9 or 10 => Consume(channel),
        11 => Cancel(channel),
        12 or 13 => Get(channel),
        14 => Qos(channel),
        15 => Call<QueueDeclareOk>(channel, Declaration(Temporary())),
        16 => Redeclare(channel),
        17 => Recover(channel),
        18 => CloseChannel(channel),
        _ => Fail(channel),
    };

    private string Temporary() => random.Next(8) switch
    {
        0 => $"mine-{name}",
        var other => $"temp{other % TemporaryQueues}",
    };

    private string AnyQueue() => random.Next(3) == 0 ? Temporary() : $"keep{random.Next(KeptQueues)}";

    private async Task Publish(StormChannel channel, int count, int bytes)
    {
        var queue = AnyQueue();
        for (; count > 0; count--)
        {
            var id = $"{queue}/{name}/{channel.Number}#{++_lastNumber}";
            channel.Publishing(id);
            _client.WriteMessage(channel.Number, queue, $"{id} {new string('x', bytes)}", mandatory: random.Next(4) == 0);
        }
        await _client.Flush();
    }

    private async Task Settle(StormChannel channel)
    {
        for (var count = random.Next(1, 30); count > 0 && channel.Unsettled.Count > 0; count--)
        {
            var tag = channel.Unsettled.Keys.ElementAt(random.Next(Math.Min(20, channel.Unsettled.Count)));
            var multiple = random.Next(6) == 0;
            var requeue = random.Next(5) == 0;
            switch (random.Next(3))
            {
                case 0 or 1 when !requeue:
                    _client.Write(channel.Number, new BasicAck(tag, multiple));
                    channel.Settle(tag, multiple, removes: true);
                    break;
                case 2:
                    _client.Write(channel.Number, new BasicReject(tag, requeue));
                    channel.Settle(tag, multiple: false, removes: !requeue);
                    break;
                default:
                    _client.Write(channel.Number, new BasicNack(tag, multiple, requeue));
                    channel.Settle(tag, multiple, removes: !requeue);
                    break;
            }
        }
        await _client.Flush();
    }

    private async Task Consume(StormChannel channel)
    {
        var queue = AnyQueue();
        var tag = $"c{random.Next(4)}";
        if (channel.Consumers.ContainsKey(tag)) return;
        var noAck = !StormChannel.IsAccounted(queue) && random.Next(2) == 0;
        // Known before the answer, because the first delivery is right behind it.
        channel.Consumers[tag] = noAck;
        await Call<BasicConsumeOk>(channel, TestClient.Consumption(queue, tag, noAck));
    }

    private async Task Cancel(StormChannel channel)
    {
        if (channel.Consumers.Count == 0) return;
        var tag = channel.Consumers.Keys.ElementAt(random.Next(channel.Consumers.Count));
        await Call<BasicCancelOk>(channel, new BasicCancel(tag, NoWait: false));
    }

    private async Task Get(StormChannel channel)
    {
        var queue = AnyQueue();
        channel.GetsWithoutAck = !StormChannel.IsAccounted(queue) && random.Next(2) == 0;
        await Call<BasicGetOk>(channel, new BasicGet(queue, channel.GetsWithoutAck), MethodId.BasicGetEmpty);
    }

    private Task Qos(StormChannel channel) =>
        Call<BasicQosOk>(channel, new BasicQos(0, (ushort)random.Next(20), Global: random.Next(2) == 0));

    private async Task Redeclare(StormChannel channel)
    {
        var queue = Temporary();
        await Call<QueueDeleteOk>(channel, new QueueDelete(queue, IfUnused: false, IfEmpty: false, NoWait: false));
        if (channel.IsOpen) await Call<QueueDeclareOk>(channel, Declaration(queue) with { NoWait = false });
    }

    private async Task Recover(StormChannel channel)
    {
        if (random.Next(4) != 0) return;
        // Everything unsettled that came before the answer goes back; what comes after it is a new delivery.
        await _client.Send(channel.Number, new BasicRecover(Requeue: true));
        var before = channel.Unsettled.Keys.ToArray();
        await Answer(channel, MethodId.BasicRecoverOk, MethodId.BasicRecoverOk);
        foreach (var tag in before) channel.Unsettled.Remove(tag);
        // Some of those that came meanwhile went back as well, and it cannot be told which: none of them is settled by this channel.
        await CloseChannel(channel);
    }

    private async Task CloseChannel(StormChannel channel)
    {
        await Call<ChannelCloseOk>(channel, new ChannelClose(ReplyCode.Success, "enough", default));
        channel.IsOpen = false;
        await Open(channel.Number);
    }

    /// <summary>An error on purpose.</summary>
    private Task Fail(StormChannel channel) => Call<QueueDeclareOk>(channel, TestClient.Declaration("nowhere", passive: true));

    private async Task Open(ushort number)
    {
        var channel = new StormChannel(number, ledger);
        _channels[number - 1] = channel;
        await Call<ChannelOpenOk>(channel, default(ChannelOpen));
    }

    private async Task Call<TOk>(StormChannel channel, ChannelOpen method)
        where TOk : struct, IMethod<TOk> => await Call<ChannelOpen, TOk>(channel, method, TOk.Id);

    private Task Call<TOk>(StormChannel channel, QueueDeclare method)
        where TOk : struct, IMethod<TOk> => Call<QueueDeclare, TOk>(channel, method, TOk.Id);

    private Task Call<TOk>(StormChannel channel, QueueDelete method)
        where TOk : struct, IMethod<TOk> => Call<QueueDelete, TOk>(channel, method, TOk.Id);

    private Task Call<TOk>(StormChannel channel, BasicConsume method)
        where TOk : struct, IMethod<TOk> => Call<BasicConsume, TOk>(channel, method, TOk.Id);

    private Task Call<TOk>(StormChannel channel, BasicCancel method)
        where TOk : struct, IMethod<TOk> => Call<BasicCancel, TOk>(channel, method, TOk.Id);

    private Task Call<TOk>(StormChannel channel, BasicGet method, MethodId otherwise)
        where TOk : struct, IMethod<TOk> => Call<BasicGet, TOk>(channel, method, otherwise);

    private Task Call<TOk>(StormChannel channel, BasicQos method)
        where TOk : struct, IMethod<TOk> => Call<BasicQos, TOk>(channel, method, TOk.Id);

    private Task Call<TOk>(StormChannel channel, ChannelClose method)
        where TOk : struct, IMethod<TOk> => Call<ChannelClose, TOk>(channel, method, TOk.Id);

    private async Task Call<TMethod, TOk>(StormChannel channel, TMethod method, MethodId otherwise)
        where TMethod : struct, IMethod<TMethod>
        where TOk : struct, IMethod<TOk>
    {
        await _client.Send(channel.Number, method);
        await Answer(channel, TOk.Id, otherwise);
        // The broker closed the channel instead of answering: a queue was not there. It is opened anew.
        if (!channel.IsOpen) await Open(channel.Number);
    }

    private async Task Answer(StormChannel channel, MethodId ok, MethodId otherwise)
    {
        while (channel.IsOpen)
        {
            var frame = await _received.Reader.ReadAsync().AsTask().WaitAsync(Patience.Answer);
            Take(frame);
            if (frame.Channel != channel.Number || (frame.Method != ok && frame.Method != otherwise)) continue;
            channel.Synchronized();
            return;
        }
    }

    private void Take(ReceivedFrame frame)
    {
        if (frame.Channel == 0)
        {
            if (frame.Method != MethodId.ConnectionCloseOk) ledger.Violate($"{name} got {frame}");
            return;
        }
        var channel = _channels[frame.Channel - 1];
        if (!channel.IsOpen) ledger.Violate($"{name} got {frame}, after the channel was closed");
        if (channel.TakeContent(frame)) return;
        switch (frame.Method)
        {
            case MethodId.BasicCancelOk: channel.Consumers.Remove(frame.As<BasicCancelOk>().ConsumerTag); break;
            case MethodId.BasicCancel: channel.Consumers.Remove(frame.As<BasicCancel>().ConsumerTag); break;
            case MethodId.ChannelClose:
                if (frame.As<ChannelClose>().ReplyCode is not (ReplyCode.NotFound or ReplyCode.ResourceLocked)) ledger.Violate($"{name} got {frame}");
                channel.Synchronized();
                channel.IsOpen = false;
                _client.Write(channel.Number, default(ChannelCloseOk));
                break;
        }
    }

    private async Task End()
    {
        switch (random.Next(4))
        {
            case 0:
                await _client.Send(0, new ConnectionClose(ReplyCode.Success, "bye", default));
                await foreach (var frame in _received.Reader.ReadAllAsync())
                {
                    Take(frame);
                    if (frame.Method == MethodId.ConnectionCloseOk) _client.FinishSending();
                }
                foreach (var channel in _channels) channel.Synchronized();
                break;
            case 1:
                await Publish(_channels[0], random.Next(200), bytes: 100);
                _client.FinishSending();
                await _client.Served.WaitAsync(Patience.Answer);
                foreach (var channel in _channels) channel.Synchronized();
                break;
            case 2:
                _client.Drop();
                break;
            default:
                // A client that hangs for a while before it is gone.
                await _reading.WaitAsync();
                for (var count = random.Next(300); count > 0; count--)
                    _client.Write(1, new BasicGet($"keep{random.Next(KeptQueues)}", NoAck: false));
                var flush = _client.Flush();
                await Task.WhenAny(flush, Task.Delay(TimeSpan.FromMilliseconds(random.Next(50))));
                _client.Drop();
                _reading.Release();
                break;
        }
    }
}
