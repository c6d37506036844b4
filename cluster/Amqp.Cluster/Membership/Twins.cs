using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace Amqp.Cluster.Membership;

/// <summary>
/// Two processes with the same node name: the second one must not take the place of the first while that runs. One that was killed, and whose lease has not ended, is
/// no hindrance.
/// </summary>
internal sealed partial class Twins(LocalNode self, ILogger logger)
{
    private static readonly TimeSpan PauseBetweenTries = TimeSpan.FromMilliseconds(250);

    /// <summary>Returns when no other process with this node's name runs.</summary>
    /// <exception cref="ClusterException">One does.</exception>
    public async Task Refuse(Registry registry, CancellationToken cancellation)
    {
        var began = self.Time.GetTimestamp();
        while (true)
        {
            var (other, _) = await registry.FindNode(self.Name, cancellation);
            // This process listens where that one did, so that one has ended.
            if (other is null || other.Links.Equals(self.Links)) return;
            try
            {
                var answer = await self.Ask(other.Links, self.Name, cancellation);
                if (answer.Epoch != other.Epoch || answer.Directory != other.Directory) return;
                throw new ClusterException(
                    $"A node with the name {self.Name} runs already at {other.Links}, so this one does not start. Stop that one, or give this one a name of its own (Cluster:Node).");
            }
            catch (IOException exception) when (exception.InnerException is SocketException { SocketErrorCode: SocketError.ConnectionRefused })
            {
                return;
            }
            catch (IOException exception)
            {
                if (self.Time.GetElapsedTime(began) > 3 * NodeLease.TimeToLive)
                {
                    throw new ClusterException(
                        $"A node with the name {self.Name} has renewed its lease from {other.Links}, and cannot be reached from here ({exception.Message}), so this one does not start. "
                        + "Stop that one, or give this one a name of its own (Cluster:Node).", exception);
                }
                LogWaits(logger, self.Name, other.Links, exception.Message);
            }
            await Task.Delay(PauseBetweenTries, self.Time, cancellation);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "A node with the name {Node} was started at {Address} before, and does not answer ({Reason}); waiting for the end of its lease")]
    private static partial void LogWaits(ILogger logger, string node, System.Net.IPEndPoint address, string reason);
}
