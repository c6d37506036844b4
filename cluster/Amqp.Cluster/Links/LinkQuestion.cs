using System.Buffers;
using System.Net;
using System.Threading.Channels;
using Amqp.Cluster.Security;

namespace Amqp.Cluster.Links;

/// <summary>
/// A question to a node, on a connection of its own: for a node that is no member yet, or has no epoch yet, or wants to know whether a process is there. Users of the
/// links are not told of such connections.
/// </summary>
internal static class LinkQuestion
{
    /// <summary>Asks, and waits for the answer as long as the other side sends heartbeats.</summary>
    /// <param name="node">That is expected there; null: any node of this cluster's authority.</param>
    /// <param name="self">The name of this node, which is in its certificate.</param>
    /// <returns>The name of the node that answered, and what it said.</returns>
    /// <exception cref="IOException">It is not there, is another one, or ended before it answered.</exception>
    public static async Task<(string Node, byte[] Answer)> Ask(
        EndPoint address, string? node, string self, byte[] question, ClusterCertificates certificates, LinkOptions options, TimeProvider time, CancellationToken cancellation)
    {
        await using var connection = await LinkConnection.Connect(address, node, LinkHello.Of(self, epoch: 0, LinkLane.Control), certificates, options, time, cancellation);
        var answer = new TaskCompletionSource<byte[]>(TaskCreationOptions.RunContinuationsAsynchronously);
        var outgoing = Channel.CreateBounded<LinkMessage>(1);
        outgoing.Writer.TryWrite(new LinkBytes(LinkFrame.Question, question));
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var running = connection.Run(outgoing.Reader, _ => { }, (_, payload) => answer.TrySetResult(payload.ToArray()), end.Token);
        await Task.WhenAny(answer.Task, running);
        if (!answer.Task.IsCompleted) await running;
        await end.CancelAsync();
        await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellation.ThrowIfCancellationRequested();
        return (connection.Peer.Node, await answer.Task);
    }
}
