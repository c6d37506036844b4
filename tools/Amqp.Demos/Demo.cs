using System.Net;

namespace Amqp.Demos;

/// <summary>One lesson about messaging, shown on running brokers.</summary>
internal abstract class Demo
{
    /// <summary>The word on the command line.</summary>
    public abstract string Name { get; }

    public abstract string Summary { get; }

    /// <summary>What the command line may set.</summary>
    public virtual IReadOnlyList<DemoOption> Options => [];

    /// <summary>Shows the lesson; false when what happened contradicts it.</summary>
    /// <param name="given">A broker that runs already; null: the demo starts what it needs.</param>
    /// <param name="options">The value of each of <see cref="Options"/>.</param>
    public abstract Task<bool> Run(IPEndPoint? given, IReadOnlyDictionary<string, int> options, CancellationToken cancel);
}

/// <summary>A lesson for which one broker is enough.</summary>
internal abstract class OneBrokerDemo : Demo
{
    public sealed override async Task<bool> Run(IPEndPoint? given, IReadOnlyDictionary<string, int> options, CancellationToken cancel)
    {
        await using var broker = given is not null ? BrokerProcess.At(given) : await BrokerProcess.Start([], cancel);
        return await Run(broker, options, cancel);
    }

    /// <inheritdoc cref="Demo.Run"/>
    protected abstract Task<bool> Run(BrokerProcess broker, IReadOnlyDictionary<string, int> options, CancellationToken cancel);
}

/// <param name="Name">The word on the command line, without its dashes.</param>
internal sealed record DemoOption(string Name, int Default, string Meaning);

/// <summary>The demo cannot go on; the message is for the person watching.</summary>
internal sealed class DemoException(string message) : Exception(message);
