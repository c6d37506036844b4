namespace Amqp.Core.Errors;

/// <summary>The cluster does not do what an operator wants of it. The message is for the operator, and says what to do.</summary>
public class ClusterRefusedException : Exception
{
    public ClusterRefusedException(string message)
        : base(message)
    {
    }

    public ClusterRefusedException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
