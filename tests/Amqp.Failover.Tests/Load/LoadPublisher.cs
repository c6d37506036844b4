using Amqp.Testing.Clusters;
using RabbitMQ.Client;

namespace Amqp.Failover.Tests.Load;

/// <summary>Sends numbered persistent messages, and each of them again until it is confirmed: after a nack, and after its connection was lost.</summary>
internal sealed class LoadPublisher(ClusterProcesses cluster, ClusterNode home, int id, string queue, int window, int seed, History history) : LoadClient(cluster, home, seed)
{
    private static readonly TimeSpan SilenceMax = TimeSpan.FromSeconds(30);

    private readonly Lock _lock = new();

    // By number: not confirmed yet.
    private readonly SortedSet<int> _open = [];
    private int _last;

    protected override bool HasMore
    {
        get
        {
            lock (_lock) return _open.Count > 0;
        }
    }

    protected override async Task Serve(IConnection connection, CancellationTokenSource gone, CancellationToken stop)
    {
        var channel = await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: false), gone.Token);
        var underWay = new UnderWay(window);
        channel.ChannelShutdownAsync += (_, _) => Cancel(gone);
        channel.BasicAcksAsync += (_, ack) => Settle(underWay, ack.DeliveryTag, ack.Multiple, isTaken: true);
        channel.BasicNacksAsync += (_, nack) => Settle(underWay, nack.DeliveryTag, nack.Multiple, isTaken: false);

        Queue<int> again;
        lock (_lock) again = new Queue<int>(_open);
        for (var tag = 1UL; ; tag++)
        {
            // A broker that answers nothing for so long is left: another node may.
            if (!await underWay.Room(SilenceMax, gone.Token)) throw new TimeoutException($"no confirm for {SilenceMax.TotalSeconds} s, {underWay.Count} are under way");
            if (again.Count == 0)
            {
                again = new Queue<int>(underWay.TakeNacked());
                if (again.Count > 0) await Task.Delay(Moment(), gone.Token);
            }
            if (again.Count == 0 && (stop.IsCancellationRequested || Abandoned))
            {
                if (!HasMore || Abandoned) return;
                // Only a message to send would need the place.
                underWay.GiveBack();
                await underWay.Change(SilenceMax, gone.Token);
                tag--;
                continue;
            }
            int number;
            lock (_lock)
            {
                number = again.Count > 0 ? again.Dequeue() : ++_last;
                _open.Add(number);
            }
            underWay.Add(tag, number);
            var message = new MessageKey(id, number);
            history.Add(What.Published, message);
            await channel.BasicPublishAsync("", queue, mandatory: false, new BasicProperties { Persistent = true }, Body.Of(message), gone.Token);
        }
    }

    private Task Settle(UnderWay underWay, ulong tag, bool multiple, bool isTaken)
    {
        foreach (var number in underWay.Take(tag, multiple, isTaken))
        {
            history.Add(isTaken ? What.Confirmed : What.Nacked, new MessageKey(id, number), node: At);
            if (!isTaken) continue;
            lock (_lock) _open.Remove(number);
        }
        return Task.CompletedTask;
    }
}
