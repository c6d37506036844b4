namespace Amqp.Host.Sockets;

/// <summary>The threads of .NET that wait for sockets, as many as there are processors.</summary>
internal static class SocketThreads
{
    /// <summary>.NET has no other way to say it than this variable, which it reads with the first socket.</summary>
    private const string Variable = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";

    /// <summary>
    /// Has what waits for a socket called on the thread that has waited, which saves the time in which another one wakes up. In return
    /// nothing may take long there: <see cref="SocketReader"/> and <see cref="SocketWriter"/> see to that. Set from outside, the variable
    /// is left as it is.
    /// </summary>
    public static void CallInline()
    {
        if (Environment.GetEnvironmentVariable(Variable) is null) Environment.SetEnvironmentVariable(Variable, "1");
    }
}
