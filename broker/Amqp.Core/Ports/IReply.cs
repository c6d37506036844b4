using Amqp.Core.Errors;

namespace Amqp.Core.Ports;

/// <summary>Where an answer goes; from any thread, once. It must neither block nor throw.</summary>
/// <typeparam name="T">The answer.</typeparam>
public interface IReply<in T> : IReply
{
    void Complete(T value);
}

/// <summary>Where an error goes instead of an answer.</summary>
public interface IReply
{
    void Fail(BrokerError error);
}
