namespace Amqp.Testing;

/// <summary>How long tests wait for what must happen. Only a failing test waits this long.</summary>
public static class Patience
{
    /// <summary>For an answer of a server that has nothing else to do.</summary>
    public static readonly TimeSpan Answer = TimeSpan.FromSeconds(10);

    /// <summary>For a server process to start.</summary>
    public static readonly TimeSpan Start = TimeSpan.FromSeconds(30);

    /// <summary>For a server process to stop when asked to.</summary>
    public static readonly TimeSpan Stop = TimeSpan.FromSeconds(30);
}
