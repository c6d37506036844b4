namespace Amqp.Core.Metrics;

/// <summary>What came and went on a node since it started (RabbitMQ's <c>churn_rates</c>).</summary>
public sealed class Churn
{
    /// <summary>With a virtual host.</summary>
    public Tally ConnectionsOpened { get; } = new();

    public Tally ConnectionsClosed { get; } = new();

    public Tally ChannelsOpened { get; } = new();

    public Tally ChannelsClosed { get; } = new();

    /// <summary>Declarations that were not passive, whether there was such a queue or not.</summary>
    public Tally QueuesDeclared { get; } = new();

    public Tally QueuesCreated { get; } = new();

    public Tally QueuesDeleted { get; } = new();

    /// <summary>Logins of AMQP clients.</summary>
    public LoginTally AmqpLogins { get; } = new();

    /// <summary>Logins at the management API: each request is one.</summary>
    public LoginTally HttpLogins { get; } = new();

    /// <summary>Takes a sample; for the sampler.</summary>
    /// <param name="intervalMs">Since the last one.</param>
    public void Sample(long intervalMs)
    {
        ReadOnlySpan<Tally> all = [ConnectionsOpened, ConnectionsClosed, ChannelsOpened, ChannelsClosed, QueuesDeclared, QueuesCreated, QueuesDeleted];
        foreach (var tally in all) tally.Sample(intervalMs);
    }
}

/// <summary>Logins of one protocol.</summary>
public sealed class LoginTally
{
    public Tally Succeeded { get; } = new();

    public Tally Failed { get; } = new();

    public long Attempts => Succeeded.Count + Failed.Count;

    public void Add(bool hasSucceeded) => (hasSucceeded ? Succeeded : Failed).Add();
}
