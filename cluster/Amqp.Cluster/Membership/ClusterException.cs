using Amqp.Core.Errors;

namespace Amqp.Cluster.Membership;

/// <summary>A node cannot be, become or stop being a member. The message is for the operator, and says what to do.</summary>
public class ClusterException : ClusterRefusedException
{
    public ClusterException(string message)
        : base(message)
    {
    }

    public ClusterException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
