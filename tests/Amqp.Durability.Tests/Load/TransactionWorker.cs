using System.Buffers.Binary;
using RabbitMQ.Client;

namespace Amqp.Durability.Tests.Load;

/// <summary>
/// Takes a number out of the work and publishes it to all targets, both in one transaction, and on to the next. Now and then it rolls
/// back first, and does the same number again.
/// </summary>
internal sealed class TransactionWorker(int id, int seed, string work, string[] targets, TransactionLedger ledger, BrokerLife life, Action<string> violate)
    : Client($"worker {id}", life, violate)
{
    private readonly Random _random = new(seed);

    public static byte[] Body(int number, int length = sizeof(int))
    {
        var body = new byte[length];
        BinaryPrimitives.WriteInt32BigEndian(body, number);
        return body;
    }

    public static int Number(ReadOnlyMemory<byte> body) => BinaryPrimitives.ReadInt32BigEndian(body.Span);

    protected override async Task Serve(IConnection connection, int number, CancellationToken stop, CancellationToken gone)
    {
        var channel = await connection.CreateChannelAsync(cancellationToken: gone);
        await channel.TxSelectAsync(gone);
        while (!stop.IsCancellationRequested)
        {
            if (await channel.BasicGetAsync(work, autoAck: false, gone) is not { } taken) continue;
            if (_random.Next(8) == 0)
            {
                await Move(channel, taken, gone);
                await channel.TxRollbackAsync(gone);
            }
            await Move(channel, taken, gone);
            await channel.TxCommitAsync(gone);
            ledger.Commit(Number(taken.Body));
        }
    }

    private async Task Move(IChannel channel, BasicGetResult taken, CancellationToken gone)
    {
        var body = Body(Number(taken.Body), _random.Next(sizeof(int), 2048));
        foreach (var target in targets) await channel.BasicPublishAsync("", target, mandatory: true, new BasicProperties { Persistent = true }, body, gone);
        await channel.BasicAckAsync(taken.DeliveryTag, multiple: false, gone);
    }
}

/// <summary>Sees to it that there is always work, and not too much of it.</summary>
internal sealed class TransactionFeeder(string work, TransactionLedger ledger, BrokerLife life, Action<string> violate)
    : Client("feeder", life, violate)
{
    private const int AtOnce = 50;
    private const int OpenMax = 2000;
    private int _number;

    protected override async Task Serve(IConnection connection, int number, CancellationToken stop, CancellationToken gone)
    {
        var channel = await Queues.ConfirmChannel(connection);
        while (!stop.IsCancellationRequested)
        {
            // What was offered and lost in a crash is never committed: so the limit goes by what is there, whenever there may be enough.
            if (ledger.Open > OpenMax && (await channel.QueueDeclarePassiveAsync(work, gone)).MessageCount > OpenMax / 2) continue;
            await Task.WhenAll(Enumerable.Range(0, AtOnce).Select(_ => Give(channel, ++_number, gone)));
        }
    }

    private async Task Give(IChannel channel, int number, CancellationToken gone)
    {
        ledger.Offer(number);
        await channel.BasicPublishAsync("", work, mandatory: true, new BasicProperties { Persistent = true }, TransactionWorker.Body(number), gone);
        ledger.Give(number);
    }
}

/// <summary>Consumes the first target while the workers work: what it sees must be there for good.</summary>
internal sealed class TransactionObserver(string target, TransactionLedger ledger, BrokerLife life, Action<string> violate)
    : Client("observer", life, violate)
{
    private const int Prefetch = 50;

    protected override async Task Serve(IConnection connection, int number, CancellationToken stop, CancellationToken gone)
    {
        var channel = await connection.CreateChannelAsync(cancellationToken: gone);
        await channel.BasicQosAsync(0, Prefetch, global: false, gone);
        await channel.BasicConsumeAsync(target, autoAck: false, new Watcher(channel, number, ledger, Violate), gone);
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var onStop = stop.Register(() => ended.TrySetResult());
        await using var onGone = gone.Register(() => ended.TrySetCanceled(gone));
        await ended.Task;
    }

    private sealed class Watcher(IChannel channel, int life, TransactionLedger ledger, Action<string> violate) : AsyncDefaultBasicConsumer(channel)
    {
        public override async Task HandleBasicDeliverAsync(
            string consumerTag, ulong deliveryTag, bool redelivered, string exchange, string routingKey,
            IReadOnlyBasicProperties properties, ReadOnlyMemory<byte> body, CancellationToken cancellationToken = default)
        {
            var number = TransactionWorker.Number(body);
            if (!ledger.See(number, life, redelivered)) violate($"twice: the observer saw {number} in life {life} when it could not be there");
            ledger.AckSeen(number, life);
            await Channel.BasicAckAsync(deliveryTag, multiple: false, cancellationToken);
        }
    }
}
