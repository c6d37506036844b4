using System.Globalization;

namespace Amqp.Bench;

/// <summary>
/// Three brokers beside this program that form a cluster. Where they find the <c>etcd</c> program and the secret of their cluster, the environment says
/// (<c>Cluster__EtcdProgram</c>, <c>Cluster__Secret</c>).
/// </summary>
internal sealed class ClusterProcess : IDisposable
{
    private const int Nodes = 3;

    // Each node takes the port for the others, and the two behind it for etcd.
    private const int FirstPort = 26_672;
    private const int PortsOfNode = 10;

    private readonly string _directory;
    private readonly BrokerProcess[] _brokers;

    private ClusterProcess(string directory, BrokerProcess[] brokers) => (_directory, _brokers) = (directory, brokers);

    /// <summary>It, as something to measure: by its first node.</summary>
    public Target Target => _brokers[0].Target with { Name = "this cluster", OtherNodes = [.. _brokers.Skip(1).Select(broker => broker.Target.Uri)], Control = Control };

    /// <summary>Returns when clients can connect to all of them.</summary>
    public static ClusterProcess Start(string directory)
    {
        var numbers = Enumerable.Range(0, Nodes).ToArray();
        var founders = string.Join(',', numbers.Select(number => string.Create(CultureInfo.InvariantCulture, $"{NameOf(number)}=127.0.0.1:{PortOf(number)}")));
        var brokers = new BrokerProcess[Nodes];
        // Together: none is ready before most of them are there.
        var threads = numbers.Select(number => new Thread(() => brokers[number] = BrokerProcess.Start(
            DirectoryOf(directory, number),
            $"--Node:Name={NameOf(number)}",
            "--Cluster:Mode=etcd-managed",
            "--Cluster:Address=127.0.0.1",
            string.Create(CultureInfo.InvariantCulture, $"--Cluster:Port={PortOf(number)}"),
            $"--Cluster:Bootstrap:0={founders}"))).ToList();
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) thread.Join();
        return new ClusterProcess(directory, brokers);
    }

    public void Dispose()
    {
        foreach (var broker in _brokers) broker.Dispose();
    }

    private static string NameOf(int number) => string.Create(CultureInfo.InvariantCulture, $"bench{number + 1}@127.0.0.1");

    private static int PortOf(int number) => FirstPort + (PortsOfNode * number);

    private static string DirectoryOf(string directory, int number) => Path.Combine(directory, string.Create(CultureInfo.InvariantCulture, $"{number + 1}"));

    private string Control(string[] arguments) => BrokerProcess.Output("rabbitmqctl", ["--data-directory", DirectoryOf(_directory, 0), .. arguments]);
}
