using System.Net;

namespace Amqp.Demos;

/// <summary>One lesson about messaging, shown on a running broker.</summary>
internal abstract class Demo
{
    /// <summary>The word on the command line.</summary>
    public abstract string Name { get; }

    public abstract string Summary { get; }

    /// <summary>Shows the lesson; false when what happened contradicts it.</summary>
    public abstract Task<bool> Run(IPEndPoint broker, CancellationToken cancel);
}

/// <summary>The demo cannot go on; the message is for the person watching.</summary>
internal sealed class DemoException(string message) : Exception(message);
