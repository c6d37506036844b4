using System.Diagnostics;
using Amqp.Cluster.Etcd;
using Amqp.Testing;

namespace Amqp.Cluster.Tests;

/// <summary>Members of one etcd, each a process of its own on loopback, with its data in a folder that goes with it.</summary>
internal sealed class EtcdServers : IAsyncDisposable
{
    /// <summary>Null: it is missing, and its tests are skipped.</summary>
    public static readonly string? Program = Command.Find("etcd", unpackedIn: "etcd");

    private readonly string _folder = Directory.CreateTempSubdirectory("etcd-").FullName;
    private readonly List<Member> _members;

    private EtcdServers(int count) => _members = [.. Enumerable.Range(1, count).Select(number => new Member($"e{number}", Ports.Free(), Ports.Free()))];

    public IReadOnlyList<Uri> Endpoints => [.. _members.Select(member => new Uri($"http://127.0.0.1:{member.ClientPort}"))];

    public static void SkipWithoutEtcd()
    {
        if (Program is null) Assert.Ignore("etcd is missing: tools/scripts/install-test-needs.sh gets it");
    }

    /// <summary>Starts them, and waits until they have a leader.</summary>
    public static async Task<EtcdServers> Start(int count = 1)
    {
        SkipWithoutEtcd();
        var servers = new EtcdServers(count);
        for (var index = 0; index < count; index++) servers.Begin(index);
        using var client = servers.NewClient();
        using var patience = new CancellationTokenSource(Patience.Start);
        await client.Get("anything", patience.Token);
        return servers;
    }

    /// <param name="first">The member that is used first.</param>
    public EtcdClient NewClient(int first = 0, int commitMs = 10_000) =>
        new(new EtcdOptions { Endpoints = [.. Endpoints.Skip(first), .. Endpoints.Take(first)], CommitMs = commitMs }, TimeProvider.System);

    /// <summary>kill -9.</summary>
    public async Task Kill(int index)
    {
        var process = _members[index].Process!;
        process.Kill();
        await process.WaitForExitAsync().WaitAsync(Patience.Stop);
        process.Dispose();
        _members[index].Process = null;
    }

    /// <summary>A member that was killed comes back, with the data that it had.</summary>
    public void Begin(int index)
    {
        var member = _members[index];
        string[] arguments =
        [
            "--name", member.Name, "--data-dir", Path.Combine(_folder, member.Name), "--logger", "zap", "--log-outputs", Path.Combine(_folder, $"{member.Name}.log"),
            "--listen-client-urls", $"http://127.0.0.1:{member.ClientPort}", "--advertise-client-urls", $"http://127.0.0.1:{member.ClientPort}",
            "--listen-peer-urls", $"http://127.0.0.1:{member.PeerPort}", "--initial-advertise-peer-urls", $"http://127.0.0.1:{member.PeerPort}",
            "--initial-cluster", string.Join(',', _members.Select(each => $"{each.Name}=http://127.0.0.1:{each.PeerPort}")),
        ];
        member.Process = Process.Start(new ProcessStartInfo(Program!, arguments) { UseShellExecute = false })!;
    }

    /// <summary>Stands still, or goes on.</summary>
    public Task Signal(int index, string signal) => Command.Run("/bin/kill", [$"-{signal}", $"{_members[index].Process!.Id}"], Patience.Answer);

    public async ValueTask DisposeAsync()
    {
        for (var index = 0; index < _members.Count; index++)
        {
            if (_members[index].Process is not null) await Kill(index);
        }
        Directory.Delete(_folder, recursive: true);
    }

    private sealed class Member(string name, int clientPort, int peerPort)
    {
        public string Name => name;

        public int ClientPort => clientPort;

        public int PeerPort => peerPort;

        public Process? Process { get; set; }
    }
}
