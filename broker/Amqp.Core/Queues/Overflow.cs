namespace Amqp.Core.Queues;

/// <summary>What happens in a queue that has as many ready messages as it may have (<c>x-overflow</c>).</summary>
public enum Overflow : byte
{
    /// <summary>The oldest ready messages leave for those that come.</summary>
    DropHead,

    /// <summary>What comes is refused: its publisher hears basic.nack.</summary>
    RejectPublish,

    /// <summary>What comes is refused, and dead-lettered.</summary>
    RejectPublishDlx,
}

internal static class Overflows
{
    /// <summary>Null: it is none of them.</summary>
    public static Overflow? Parse(string? text) => text switch
    {
        "drop-head" => Overflow.DropHead,
        "reject-publish" => Overflow.RejectPublish,
        "reject-publish-dlx" => Overflow.RejectPublishDlx,
        _ => null,
    };
}
