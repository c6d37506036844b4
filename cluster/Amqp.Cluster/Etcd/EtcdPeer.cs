using System.Net;

namespace Amqp.Cluster.Etcd;

/// <summary>Where the other members of etcd reach one of them.</summary>
/// <param name="Name">Of the member; that of the node on which it runs.</param>
public sealed record EtcdPeer(string Name, IPAddress Address, int Port)
{
    /// <summary>As etcd wants it, <c>https://10.0.0.1:5680</c>.</summary>
    public string Url => $"https://{new IPEndPoint(Address, Port)}";

    /// <summary>As it stands in the list of an initial cluster.</summary>
    public override string ToString() => $"{Name}={Url}";
}
