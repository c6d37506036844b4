using Amqp.Testing;

namespace Amqp.Cluster.Tests.Membership;

/// <summary>Brokers as processes, on an etcd that an operator runs.</summary>
public class ExternalEtcdTests
{
    private const string Secret = "--Cluster:Secret=known to these two nodes only";

    private EtcdServers _etcd = null!;
    private TestBroker[] _brokers = [];

    private TestBroker One => _brokers[0];

    private TestBroker Two => _brokers[1];

    [SetUp]
    public async Task Start()
    {
        _etcd = await EtcdServers.Start();
        _brokers = await Task.WhenAll(Enumerable.Range(1, 2).Select(number => TestBroker.Start(
            $"--Node:Name=n{number}@127.0.0.1", "--Cluster:Mode=etcd-external", $"--Cluster:Endpoints:0={_etcd.Endpoints[0]}", "--Cluster:Address=127.0.0.1", $"--Cluster:Port={Ports.Free()}", Secret)));
    }

    [TearDown]
    public async Task Stop()
    {
        foreach (var broker in _brokers) await broker.DisposeAsync();
        if (_etcd is not null) await _etcd.DisposeAsync();
    }

    [Test]
    public async Task Nodes_share_what_they_declare_come_back_and_end_their_cluster()
    {
        foreach (var broker in _brokers) await Eventually.That(() => Running(broker), Is.EqualTo(new[] { "n1@127.0.0.1", "n2@127.0.0.1" }), Patience.Start);
        await AddUser(One, "ada");
        await AddUser(Two, "grace");
        foreach (var broker in _brokers) await Eventually.That(() => Users(broker), Is.EqualTo(new[] { "ada", "grace", "guest" }));

        await Two.Kill();
        await Eventually.That(() => Running(One), Is.EqualTo(new[] { "n1@127.0.0.1" }), Patience.Start);
        await Two.Restart();
        await Eventually.That(() => Running(One), Is.EqualTo(new[] { "n1@127.0.0.1", "n2@127.0.0.1" }), Patience.Start);

        // The one leaves, the other is alone again with the definitions that were in etcd, and etcd has nothing of them any more.
        await Operate(Two, HttpMethod.Put, "nodes/n2@127.0.0.1/app", new { running = false });
        await Operate(Two, HttpMethod.Post, "nodes/n2@127.0.0.1/reset", new { forced = false });
        await One.Stop();
        One.Give("--Cluster:Mode=none");
        await One.Restart();
        Assert.That(await Users(One), Is.EqualTo(new[] { "ada", "grace", "guest" }));
        using var client = _etcd.NewClient();
        Assert.That((await client.List(client.Prefix, revision: 0, default)).Values, Is.Empty);
    }

    private static async Task<string[]> Running(TestBroker broker) =>
        [.. (await new ControlApi(broker).List("nodes")).Where(node => node["running"]!.GetValue<bool>()).Select(node => node["name"]!.GetValue<string>())];

    private static async Task<string[]> Users(TestBroker broker) => [.. (await new ControlApi(broker).List("users")).Select(user => user["name"]!.GetValue<string>()).Order()];

    private static Task AddUser(TestBroker broker, string name) => Operate(broker, HttpMethod.Put, $"users/{name}", new { password = "of this test", tags = "" });

    private static async Task Operate(TestBroker broker, HttpMethod method, string path, object body)
    {
        var answer = await new ControlApi(broker).Send(method, path, body);
        Assert.That((int)answer.Status, Is.InRange(200, 299), answer.Json?.ToJsonString());
    }
}
