namespace Amqp.Testing;

/// <summary>A broker that tests can stop, kill and start again: our own (<see cref="TestBroker"/>) or, in oracle mode, RabbitMQ.</summary>
public abstract class BrokerProcess : IAsyncDisposable
{
    /// <summary>The address at which clients reach it.</summary>
    public string Host { get; protected init; } = "127.0.0.1";

    /// <summary>The AMQP port. It stays the same over <see cref="Restart"/>, so that clients find the broker again.</summary>
    public int Port { get; protected set; }

    /// <summary>Ends the process as a power failure would (SIGKILL).</summary>
    public abstract Task Kill();

    /// <summary>Asks the process to end (SIGTERM), waits until it has, and returns its exit code.</summary>
    public abstract Task<int> Stop();

    /// <summary>Starts the process again on the same directory and port; stops it first where it runs.</summary>
    public abstract Task Restart();

    public abstract ValueTask DisposeAsync();
}
