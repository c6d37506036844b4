using System.Diagnostics;
using System.Net;
using Amqp.Broker.Topology;
using Amqp.Cluster.Etcd;
using Amqp.Cluster.Metadata;
using Amqp.Cluster.Security;
using Amqp.Core.Topology;
using Amqp.Testing;
using Grpc.Core;
using Microsoft.Extensions.Logging.Abstractions;

namespace Amqp.Cluster.Tests.Etcd;

/// <summary>The member of etcd that a node runs: who may talk to it, and that it is there as long as the node is and no longer.</summary>
public sealed class EtcdServerTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("etcd-").FullName;

    [SetUp]
    public void SkipWithoutEtcd() => EtcdServers.SkipWithoutEtcd();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Test]
    public async Task One_server_starts_and_keeps_definitions()
    {
        await using var node = One();
        Assert.That(node.Options.HasData, Is.False);
        await node.Start();
        Assert.That(node.Options.HasData, Is.True);
        await using var store = new EtcdMetadataStore(node.Client, TopologySnapshot.Initial, NullLogger<EtcdMetadataStore>.Instance, _ => { });
        var topology = new TopologyService(store, _ => { }, NullLogger<TopologyService>.Instance);
        await topology.Start(_ => { }, CancellationToken.None).WaitAsync(Patience.Answer);
        Assert.That(topology.Current.Find("/"), Is.Not.Null);
    }

    [Test]
    public async Task Who_is_no_node_of_the_cluster_gets_nothing()
    {
        await using var node = One();
        await node.Start();
        using var other = ClusterCertificates.FromSecret("a secret of another cluster", "rabbit@one", IPAddress.Loopback, TimeProvider.System);
        var its = new EtcdOptions { Endpoints = [node.Options.Endpoint], Authorities = node.Certificates.Authorities };
        foreach (var stranger in new[] { its, its with { Certificate = other.Node } })
        {
            using var client = new EtcdClient(stranger, TimeProvider.System);
            Assert.That(() => client.Transact(new Etcdserverpb.TxnRequest(), CancellationToken.None), Throws.TypeOf<RpcException>());
        }
        Assert.That(await AtPeerPort(node, node.Certificates), Does.Contain(node.Options.Self.Url));
        Assert.That(() => AtPeerPort(node, null), Throws.InstanceOf<HttpRequestException>());
        Assert.That(() => AtPeerPort(node, other), Throws.InstanceOf<HttpRequestException>());
    }

    [Test]
    public async Task It_is_started_again_when_it_is_killed()
    {
        var log = new LogLines();
        await using var node = One();
        await node.Start(log);
        for (var round = 1; round <= 3; round++)
        {
            var killed = node.ProcessId!.Value;
            Signal(killed, "KILL");
            await Eventually.That(() => node.ProcessId, Is.Not.Null.And.Not.EqualTo(killed));
            await node.Client.Get("anything", CancellationToken.None).WaitAsync(Patience.Start);
        }
        Assert.That(log.All, Has.Exactly(3).Matches("(?s)etcd of rabbit@one has ended with code 137. It was killed: .*" + node.Options.LogFile));
    }

    [Test]
    public async Task Its_end_is_asked_for_and_takes_no_five_seconds()
    {
        await using var node = One();
        await node.Start();
        var watch = Stopwatch.StartNew();
        await node.Stop();
        Assert.That((node.ProcessId, watch.Elapsed), Is.EqualTo(((int?)null, TimeSpan.Zero)).Within(TimeSpan.FromSeconds(4)));
        Assert.That(await File.ReadAllTextAsync(node.Options.LogFile), Does.Contain("received signal"));
    }

    [Test]
    public async Task One_that_stands_still_is_killed_when_it_is_to_end()
    {
        await using var node = One();
        await node.Start();
        Signal(node.ProcessId!.Value, "STOP");
        await node.Stop();
        Assert.That(node.ProcessId, Is.Null);
    }

    [Test]
    public async Task One_that_cannot_start_is_tried_again_and_says_why()
    {
        await using var first = One();
        await first.Start();
        var log = new LogLines();
        await using var second = new EtcdServer(first.Options with { Folder = Path.Combine(_folder, "second"), ClientPort = Ports.Free() }, first.Certificates, TimeProvider.System, log);
        using var patience = new CancellationTokenSource();
        var start = second.Start(patience.Token);
        await Eventually.That(() => log.All, Has.Some.Contains("this is end 3 in a row"), Patience.Start);
        Assert.That(log.All, Has.Some.Contains("Another process has its port").And.Some.Contains("bind: address already in use"));
        await patience.CancelAsync();
        Assert.That(() => start, Throws.InstanceOf<OperationCanceledException>().With.Message.Contains("Another process has its port"));
    }

    [Test]
    public async Task A_program_that_is_not_there_is_named()
    {
        await using var node = One();
        var log = new LogLines();
        await using var server = new EtcdServer(node.Options with { Program = "/nowhere/etcd" }, node.Certificates, TimeProvider.System, log);
        using var patience = new CancellationTokenSource();
        var start = server.Start(patience.Token);
        await Eventually.That(() => log.All, Has.Some.Contains("The program cannot be run").And.Some.Contains("/nowhere/etcd"));
        await patience.CancelAsync();
        Assert.That(() => start, Throws.InstanceOf<OperationCanceledException>().With.Message.Contains("/nowhere/etcd").And.Message.Contains("The program cannot be run"));
    }

    [Test]
    public void Without_etcd_in_the_path_it_is_said_how_to_get_it()
    {
        Assert.That(EtcdServerOptions.Find($"/nowhere:{Path.GetDirectoryName(EtcdServers.Program)}"), Is.EqualTo(EtcdServers.Program));
        Assert.That(() => EtcdServerOptions.Find("/nowhere"), Throws.TypeOf<FileNotFoundException>().With.Message.Contains("apt-get install etcd-server").And.Message.Contains("Cluster:EtcdProgram"));
    }

    /// <summary>The pipe is held by a process that stands for the broker, and is killed as the broker may be.</summary>
    [Test]
    public async Task It_dies_with_its_parent()
    {
        await using var node = One();
        Directory.CreateDirectory(node.Options.Folder);
        node.Certificates.WriteFiles(node.Options.CertificatesFolder);
        var parent = Path.Combine(_folder, "parent");
        string[] arguments = ["-c", """(echo $BASHPID >"$1"; exec sleep 1000) | { shift; exec "$@"; }""", "test", parent,
            "/bin/sh", "-c", EtcdProcess.Script, "etcd", node.Options.LogFile, node.Options.Program, .. node.Options.Arguments()];
        using var tree = Process.Start("/bin/bash", arguments);
        await Eventually.That(() => node.ProcessId, Is.Not.Null);
        await Eventually.True(() => node.Options.HasData);
        Signal(int.Parse(await File.ReadAllTextAsync(parent), System.Globalization.CultureInfo.InvariantCulture), "KILL");
        await Eventually.That(() => node.ProcessId, Is.Null);
        await tree.WaitForExitAsync().WaitAsync(Patience.Stop);
    }

    [Test]
    public async Task It_dies_with_the_shell_that_watches_it_and_is_started_again()
    {
        await using var node = One();
        await node.Start();
        var orphan = node.ProcessId!.Value;
        var shell = (await File.ReadAllLinesAsync($"/proc/{orphan}/status")).Single(line => line.StartsWith("PPid:", StringComparison.Ordinal))[5..].Trim();
        Signal(int.Parse(shell, System.Globalization.CultureInfo.InvariantCulture), "KILL");
        await Eventually.That(() => Directory.Exists($"/proc/{orphan}"), Is.False);
        await node.Client.Get("anything", CancellationToken.None).WaitAsync(Patience.Start);
    }

    private static void Signal(int process, string signal)
    {
        using var kill = Process.Start("/bin/kill", [$"-{signal}", $"{process}"]);
        kill.WaitForExit();
        Assert.That(kill.ExitCode, Is.Zero);
    }

    private static async Task<string> AtPeerPort(EtcdNode node, ClusterCertificates? shown)
    {
        using var handler = new SocketsHttpHandler();
        handler.SslOptions = node.Certificates.Client();
        handler.SslOptions.ClientCertificateContext = null;
        if (shown is not null) handler.SslOptions = WithCertificatesOf(shown, node.Certificates);
        using var client = new HttpClient(handler);
        return await client.GetStringAsync(new Uri($"{node.Options.Self.Url}/members"));
    }

    private static System.Net.Security.SslClientAuthenticationOptions WithCertificatesOf(ClusterCertificates shown, ClusterCertificates trusted)
    {
        var options = shown.Client();
        options.CertificateChainPolicy = trusted.Client().CertificateChainPolicy;
        return options;
    }

    private EtcdNode One()
    {
        var self = EtcdNode.NewPeer("one");
        return new EtcdNode(EtcdNode.OptionsOf(_folder, self, [self], isNew: true));
    }
}
