namespace Amqp.Demos;

/// <summary>One lesson about messaging, shown on a running broker.</summary>
internal abstract class Demo
{
    /// <summary>The word on the command line.</summary>
    public abstract string Name { get; }

    public abstract string Summary { get; }

    /// <summary>What the command line may set.</summary>
    public virtual IReadOnlyList<DemoOption> Options => [];

    /// <summary>Shows the lesson; false when what happened contradicts it.</summary>
    /// <param name="options">The value of each of <see cref="Options"/>.</param>
    public abstract Task<bool> Run(BrokerProcess broker, IReadOnlyDictionary<string, int> options, CancellationToken cancel);
}

/// <param name="Name">The word on the command line, without its dashes.</param>
internal sealed record DemoOption(string Name, int Default, string Meaning);

/// <summary>The demo cannot go on; the message is for the person watching.</summary>
internal sealed class DemoException(string message) : Exception(message);
