using System.Diagnostics;
using RabbitMQ.Client;

namespace Amqp.Demos;

/// <summary>
/// A publisher of numbered persistent messages whose broker is killed while it publishes as fast as it can, and what it believes then.
/// </summary>
internal abstract class CrashedPublisher(string title, string queue)
{
    private const int BodyBytes = 200;

    // Programs that have just started are slow; the first one would look slower than the others.
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(1);

    /// <summary>How it makes sure, in a few words.</summary>
    public string Title => title;

    public string Queue => queue;

    /// <summary>The messages that it gave to the client library, numbered from 1.</summary>
    public int HandedOver { get; private set; }

    /// <summary>The messages that it takes for safe.</summary>
    public abstract IReadOnlySet<int> Safe { get; }

    /// <summary>How many that are, at any time.</summary>
    protected abstract int SafeCount { get; }

    /// <summary>Messages taken for safe per second, after a second of warming up.</summary>
    public double Rate { get; private set; }

    /// <summary>Publishes for a second and <paramref name="span"/>, has the broker killed, and comes back when the connection is broken.</summary>
    public async Task Run(BrokerProcess broker, TimeSpan span, CancellationToken cancel)
    {
        await using var connection = await broker.Connect("publisher", cancel);
        using var broken = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        connection.ConnectionShutdownAsync += (_, _) => broken.CancelAsync();
        var channel = await Open(connection, broken.Token);
        await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false, cancellationToken: broken.Token);

        var publishing = Task.Run(() => PublishOn(channel, broken.Token), cancel);
        await Task.WhenAny(Task.Delay(WarmUp, cancel), publishing);
        var (watch, before) = (Stopwatch.StartNew(), SafeCount);
        await Task.WhenAny(Task.Delay(span, cancel), publishing);
        if (publishing.IsCompleted) await publishing;
        Rate = (SafeCount - before) / watch.Elapsed.TotalSeconds;
        await broker.Kill();
        await broken.CancelAsync();
        try
        {
            await publishing;
        }
        catch (Exception) when (!cancel.IsCancellationRequested)
        {
            // However the client library says that the connection is gone.
        }
    }

    protected abstract Task<IChannel> Open(IConnection connection, CancellationToken broken);

    /// <summary>Does what there is to do after a message was handed over, and before the next one.</summary>
    protected abstract Task Secure(IChannel channel, int number, CancellationToken broken);

    private async Task PublishOn(IChannel channel, CancellationToken broken)
    {
        while (!broken.IsCancellationRequested)
        {
            var number = HandedOver + 1;
            await channel.BasicPublishAsync("", queue, mandatory: false, new BasicProperties { Persistent = true }, QueueReader.Body(number, BodyBytes), broken);
            HandedOver = number;
            await Secure(channel, number, broken);
        }
    }
}

/// <summary>Hands over and hopes.</summary>
internal sealed class HopefulPublisher(string queue) : CrashedPublisher("without confirms", queue)
{
    public override IReadOnlySet<int> Safe => Enumerable.Range(1, HandedOver).ToHashSet();

    protected override int SafeCount => HandedOver;

    protected override Task<IChannel> Open(IConnection connection, CancellationToken broken) => connection.CreateChannelAsync(cancellationToken: broken);

    protected override Task Secure(IChannel channel, int number, CancellationToken broken) => Task.CompletedTask;
}

/// <summary>Goes on publishing while confirms come in, with a limit to how many it waits for.</summary>
internal sealed class ConfirmingPublisher(string queue) : CrashedPublisher($"confirms, {Window} under way", queue)
{
    private const int Window = 1000;
    private readonly Confirms _confirms = new();
    private readonly SemaphoreSlim _room = new(Window - 1); // one more is handed over before it waits

    public override IReadOnlySet<int> Safe => _confirms.Numbers();

    protected override int SafeCount => _confirms.Count;

    protected override async Task<IChannel> Open(IConnection connection, CancellationToken broken)
    {
        var channel = await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: false), broken);
        channel.BasicAcksAsync += (_, ack) =>
        {
            if (_confirms.Add(ack.DeliveryTag, ack.Multiple) is var confirmed and > 0) _room.Release(confirmed);
            return Task.CompletedTask;
        };
        return channel;
    }

    protected override Task Secure(IChannel channel, int number, CancellationToken broken) => _room.WaitAsync(broken);
}

/// <summary>Commits a batch and waits for the answer before it goes on.</summary>
internal sealed class TransactionalPublisher(string queue) : CrashedPublisher($"tx, {Batch} a commit", queue)
{
    public const int Batch = 100;
    private int _committed;

    public override IReadOnlySet<int> Safe => Enumerable.Range(1, _committed).ToHashSet();

    protected override int SafeCount => _committed;

    protected override async Task<IChannel> Open(IConnection connection, CancellationToken broken)
    {
        var channel = await connection.CreateChannelAsync(cancellationToken: broken);
        await channel.TxSelectAsync(broken);
        return channel;
    }

    protected override async Task Secure(IChannel channel, int number, CancellationToken broken)
    {
        if (number % Batch != 0) return;
        await channel.TxCommitAsync(broken);
        _committed = number;
    }
}
