namespace Amqp.Core.Topology;

public enum ResourceKind
{
    Exchange,
    Queue,
}

/// <summary>A named thing of a virtual host. Its text is how RabbitMQ's error texts name it: <c>queue 'q' in vhost '/'</c>.</summary>
public readonly record struct Resource(ResourceKind Kind, string Vhost, string Name)
{
    public static Resource Exchange(string vhost, string name) => new(ResourceKind.Exchange, vhost, name);

    public static Resource Queue(string vhost, string name) => new(ResourceKind.Queue, vhost, name);

    public override string ToString() => $"{Kind.Text()} '{Name}' in vhost '{Vhost}'";
}

public static class ResourceKinds
{
    /// <summary>The kind in lower case, as in error texts and in the HTTP API.</summary>
    public static string Text(this ResourceKind kind) => kind == ResourceKind.Exchange ? "exchange" : "queue";
}
