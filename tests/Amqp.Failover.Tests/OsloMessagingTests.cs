using System.Collections.Concurrent;
using Amqp.Failover.Tests.Load;
using Amqp.Failover.Tests.OpenStack;
using Amqp.Testing;

namespace Amqp.Failover.Tests;

/// <summary>
/// OpenStack's calls and casts over a killed leader. Its library, oslo.messaging, deletes a queue that is "not found" when it declares it, and all messages with it; so a
/// queue that gets another leader must never be that.
/// </summary>
[Ours, NonParallelizable]
public sealed class OsloMessagingTests : FailoverFixture
{
    private const int Some = 100;
    private const int CallersOfClient = 5;

    /// <summary>That of Kolla, OpenStack's containers, as long as it mirrored all queues.</summary>
    private const string AllButServerNamed = @"^(?!amq\.).*";

    private readonly ConcurrentDictionary<int, int> _answers = new();
    private readonly ConcurrentBag<Task> _serving = [];
    private int _calls;
    private int _casts;

    [Test]
    public async Task Queues_that_get_another_leader_are_declared_anew_and_neither_deleted_nor_missed()
    {
        await Cluster.SetPolicy("ha-all", Mirrored, AllButServerNamed);
        var counts = new OsloCounts();
        var topic = OsloQueue.Topic($"{Queue}_exchange", Queue);
        string[] serverNodes = ["n2", "n3"], clientNodes = ["n1", "n2"];
        OsloQueue[] fanouts = [.. serverNodes.Select(node => OsloQueue.Fanout(Queue, node))];
        OsloQueue[] replies = [.. clientNodes.Select(node => OsloQueue.Reply($"reply_{Queue}_{node}"))];
        OsloQueue[] all = [topic, .. fanouts, .. replies];

        await using var connections = new Connections();
        OsloConnection Connect(string node) => connections.Add(new OsloConnection(Cluster, Cluster[node], counts));
        // Where a queue is declared first it is led.
        await Connect("n1").Declare(all);
        foreach (var queue in all) Assert.That((await LeaderOf(queue.Name)).Name, Is.EqualTo("n1"));
        var numbers = await Numbers(all);

        var heard = new ConcurrentDictionary<int, bool>[serverNodes.Length];
        for (var server = 0; server < serverNodes.Length; server++)
        {
            heard[server] = new();
            await Serve(Connect(serverNodes[server]), Connect(serverNodes[server]), topic, fanouts[server], heard[server]);
        }

        using var stop = new CancellationTokenSource();
        List<Task> clients = [];
        for (var client = 0; client < clientNodes.Length; client++)
        {
            var (reply, sends) = (replies[client], Connect(clientNodes[client]));
            await Connect(clientNodes[client]).Consume(reply, answer =>
            {
                _answers.AddOrUpdate(Body.Read(answer.Body).Number, 1, (_, before) => before + 1);
                return Task.CompletedTask;
            });
            for (var caller = 0; caller < CallersOfClient; caller++) clients.Add(Call(sends, topic, reply, stop.Token));
        }
        clients.Add(Cast(Connect("n2"), fanouts[0], stop.Token));
        // Other processes that start, all the time.
        foreach (var node in serverNodes) clients.Add(Redeclare(Connect(node), all, stop.Token));

        await MoreAnswers(clients);
        var before = counts.Declares;
        await Cluster["n1"].Kill();
        await MoreAnswers(clients);
        Assert.That(counts.Declares, Is.GreaterThan(before), "queues were declared meanwhile");
        foreach (var queue in all) Assert.That((await LeaderOf(queue.Name)).Name, Is.Not.EqualTo("n1"));
        await Cluster["n1"].Start();
        await MoreAnswers(clients);
        await stop.CancelAsync();
        await Task.WhenAll(clients).WaitAsync(ToRecover);
        await Task.WhenAll(_serving).WaitAsync(ToRecover);
        foreach (var casts in heard) await Eventually.That(() => casts.Count, Is.EqualTo(_casts), ToRecover, "casts that a server heard");

        await Record($"{_calls} calls, {_answers.Values.Count(times => times > 1)} of them answered twice, {_casts} casts to {serverNodes.Length} servers; {counts}");
        await TestContext.Out.WriteLineAsync(counts.ToString());
        Assert.Multiple(() =>
        {
            Assert.That(_answers, Has.Count.EqualTo(_calls));
            Assert.That((counts.NotFound, counts.Deletes), Is.EqualTo((0, 0)), "no queue was not found, and none deleted for it");
            Assert.That(counts.RefusedPublishes, Is.Zero, "no reply and no request came back");
            Assert.That(counts.Closes, Is.SubsetOf(new ushort[] { 320 }));
            Assert.That(counts.Cancels, Is.GreaterThan(0), "consumers were told of the new leader");
        });
        Assert.That(await Numbers(all), Is.EqualTo(numbers), "they are the same queues");
        await Cluster.ClearPolicy("ha-all");
    }

    /// <summary>A server of the service: it answers calls, and hears casts.</summary>
    private async Task Serve(OsloConnection listens, OsloConnection answers, OsloQueue topic, OsloQueue fanout, ConcurrentDictionary<int, bool> casts)
    {
        await listens.Consume(topic, request =>
        {
            // Replies are made by other threads; the connection they share makes them wait for each other.
            _serving.Add(Task.Run(() => answers.Reply(request.ReplyTo!, request.Body)));
            return Task.CompletedTask;
        });
        await listens.Consume(fanout, cast =>
        {
            casts[Body.Read(cast.Body).Number] = true;
            return Task.CompletedTask;
        });
    }

    private async Task Call(OsloConnection connection, OsloQueue topic, OsloQueue reply, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            var number = Interlocked.Increment(ref _calls);
            await connection.Send(topic, Body.Of(new MessageKey(1, number)), reply.Name);
            await Eventually.True(() => _answers.ContainsKey(number), ToRecover, $"an answer to call {number}");
        }
    }

    private async Task Cast(OsloConnection connection, OsloQueue fanout, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested) await connection.Send(fanout, Body.Of(new MessageKey(2, ++_casts)));
    }

    private static async Task Redeclare(OsloConnection connection, OsloQueue[] queues, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested) await connection.Declare(queues);
    }

    /// <param name="running">What must not fail meanwhile.</param>
    private async Task MoreAnswers(List<Task> running)
    {
        var target = _answers.Count + Some;
        await Eventually.True(
            async () =>
            {
                foreach (var failed in running.Concat(_serving).Where(task => task.IsFaulted)) await failed;
                return _answers.Count >= target;
            },
            ToRecover,
            $"{Some} more answers");
    }

    private async Task<long[]> Numbers(OsloQueue[] queues) => await Task.WhenAll(queues.Select(queue => Cluster.NumberOf(queue.Name)));

    private sealed class Connections : IAsyncDisposable
    {
        private readonly List<OsloConnection> _all = [];

        public OsloConnection Add(OsloConnection connection)
        {
            _all.Add(connection);
            return connection;
        }

        public async ValueTask DisposeAsync() => await Task.WhenAll(_all.Select(connection => connection.DisposeAsync().AsTask()));
    }
}
