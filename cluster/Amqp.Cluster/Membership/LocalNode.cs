using System.Net;
using System.Text.Json;
using Amqp.Cluster.Etcd;
using Amqp.Cluster.Links;
using Amqp.Cluster.Security;

namespace Amqp.Cluster.Membership;

/// <summary>This node: what does not change while it runs, and what follows from it.</summary>
/// <param name="Version">Of the broker.</param>
internal sealed record LocalNode(ClusterOptions Options, IPAddress Address, ClusterCertificates Certificates, LinkOptions LinkOptions, string Version, TimeProvider Time)
{
    private static readonly TimeSpan PatienceToAsk = TimeSpan.FromSeconds(3);

    public string Name => Options.Node;

    public string Folder => Options.Folder;

    public IPEndPoint Links => new(Address, Options.Port);

    /// <summary>Of its member of etcd, for the other members.</summary>
    public EtcdPeer Peer => new(Name, Address, Options.PeerPort);

    /// <summary>Of its member of etcd, for this node.</summary>
    public Uri OwnEtcd => new($"https://{new IPEndPoint(IPAddress.Loopback, Options.ClientPort)}");

    public MemberRecord Record(Guid directory, bool isVoter) => new(Name, Address.ToString(), Options.Port, directory, isVoter, Version);

    public EtcdClient NewClient(IReadOnlyList<Uri> endpoints) =>
        new(new EtcdOptions { Endpoints = endpoints, Certificate = Certificates.Node, Authorities = Certificates.Authorities }, Time);

    /// <summary>Asks the node at an address who it is.</summary>
    /// <param name="node">That is expected there; null: any node of this cluster's authority.</param>
    /// <exception cref="IOException">There is none, or it says something else.</exception>
    public async Task<NodeAnswer> Ask(EndPoint address, string? node, CancellationToken cancellation)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(PatienceToAsk);
        try
        {
            var (name, json) = await LinkQuestion.Ask(address, node, Name, NodeAnswer.Question, Certificates, LinkOptions, Time, patience.Token);
            var answer = JsonSerializer.Deserialize<NodeAnswer>(json);
            return answer is not null && answer.Node == name ? answer : throw new IOException($"node {name} gives an answer that is none");
        }
        catch (JsonException exception)
        {
            throw new IOException("it gives an answer that is none", exception);
        }
        catch (OperationCanceledException exception) when (!cancellation.IsCancellationRequested)
        {
            throw new IOException("it does not answer", exception);
        }
    }
}
