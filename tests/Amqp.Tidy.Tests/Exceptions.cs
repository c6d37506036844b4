namespace Amqp.Tidy.Tests;

/// <summary>Every exception from a house rule, with its reason. Path, word or member name as the failing test prints them, reason.</summary>
internal static class Exceptions
{
    /// <summary>Leaf files that may lock: small tables shared by a read loop and a write loop, never held while calling out.</summary>
    public static readonly Allowed[] Locks = [];

    /// <summary>Calls that start threads unseen, block them, or ask the clock or chance behind the caller's back.</summary>
    public static readonly Allowed[] Calls = [];

    /// <summary>Files over 400 lines (What = "file") and members over 70 lines (What = the member's name).</summary>
    public static readonly Allowed[] Lengths = [];

    /// <summary>Transitive pins that are used by nothing but must stay.</summary>
    public static readonly Allowed[] Packages = [];
}
