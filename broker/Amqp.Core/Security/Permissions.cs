namespace Amqp.Core.Security;

/// <summary>What a user wants to do with a resource. Which operation asks for what is RabbitMQ's table: declaring and deleting
/// configure, putting messages in writes, taking them out reads; a binding writes its destination and reads its source.</summary>
public enum Access
{
    Configure,
    Write,
    Read,
}

public static class AccessText
{
    /// <summary>As in error texts and definitions.</summary>
    public static string Text(this Access access) => access switch
    {
        Access.Configure => "configure",
        Access.Write => "write",
        _ => "read",
    };
}

/// <summary>What a user may do in a virtual host, by the names of its resources. A user without permissions may not open it.</summary>
public sealed record Permissions(NamePattern Configure, NamePattern Write, NamePattern Read)
{
    /// <summary>Everything.</summary>
    public static readonly Permissions All = new(new(".*"), new(".*"), new(".*"));

    public NamePattern For(Access access) => access switch
    {
        Access.Configure => Configure,
        Access.Write => Write,
        _ => Read,
    };
}

/// <summary>
/// Which routing keys a user may publish with to a topic exchange, and bind with. Without such a record every key is allowed.
/// <c>{username}</c> and <c>{vhost}</c> in the patterns stand for the names as they are: their dots and stars are no operators.
/// </summary>
public sealed record TopicPermissions
{
    private readonly NamePattern _write;
    private readonly NamePattern _read;

    public TopicPermissions(string vhost, string user, string write, string read)
    {
        (Write, Read) = (write, read);
        _write = new NamePattern(write, ("username", user), ("vhost", vhost));
        _read = new NamePattern(read, ("username", user), ("vhost", vhost));
    }

    /// <summary>As it was given, nothing filled in.</summary>
    public string Write { get; }

    /// <summary>As it was given, nothing filled in.</summary>
    public string Read { get; }

    public NamePattern For(Access access) => access == Access.Write ? _write : _read;
}
