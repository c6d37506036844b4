namespace Amqp.Cluster.Forwarding;

/// <summary>What a line carries, in this order.</summary>
[Flags]
internal enum LineFields : byte
{
    None = 0,

    /// <summary>An octet.</summary>
    Flags = 1,

    /// <summary>Its distance from the number of the line before.</summary>
    Number = 2,

    Value = 4,

    /// <summary>Its distance from the place in the line before that has one: the value is a position in a queue.</summary>
    Place = 8,

    Extra = 16,
    Message = 32,

    /// <summary>A text, or none.</summary>
    Text = 64,

    /// <summary>Something that is written by its own rules.</summary>
    Other = 128,
}

/// <summary>
/// A frame: its session, then lines. Numbers are varints, and signed ones zigzag.
/// <code>
/// session  ( kind  [flags]  [number]  [value or place]  [extra]  [message | text | other] ) ...
///
/// message   expiration + 1 | length exchange | length routing key | length of head | head: content header of AMQP, properties | body
/// terms     tag | auto-ack | exclusive | asks | priority | prefetch | browses from
/// browsed   position | state | redelivered | delivery count | due at | message
/// </code>
/// </summary>
internal static class LineFormat
{
    /// <returns>Null: there is no such kind.</returns>
    public static LineFields? FieldsOf(LineKind kind) => kind switch
    {
        LineKind.Begin or LineKind.Begun or LineKind.Lost => LineFields.None,
        LineKind.Queue or LineKind.Release or LineKind.Forget or LineKind.Grant or LineKind.Purge or LineKind.Status => LineFields.Number,
        LineKind.Prepare or LineKind.Commit or LineKind.Abort => LineFields.Number,
        LineKind.Refused or LineKind.Added or LineKind.InExclusiveUse or LineKind.Cancelled or LineKind.Ask or LineKind.Decline => LineFields.Number,
        LineKind.Prepared or LineKind.PartRefused or LineKind.Committed or LineKind.NotCommitted => LineFields.Number,
        LineKind.Credit or LineKind.Room or LineKind.Taken or LineKind.CreditBack or LineKind.Counted or LineKind.Get or LineKind.RemoveConsumer => LineFields.Number | LineFields.Value,
        LineKind.Publish => LineFields.Number | LineFields.Message,
        LineKind.PublishNumbered => LineFields.Flags | LineFields.Number | LineFields.Value | LineFields.Message,
        LineKind.NotLeading or LineKind.LostIn => LineFields.Number,
        LineKind.TakenIn => LineFields.Number | LineFields.Value | LineFields.Extra,
        LineKind.RefusedIn => LineFields.Number | LineFields.Extra,
        LineKind.Settle or LineKind.PartSettle => LineFields.Flags | LineFields.Number | LineFields.Place,
        LineKind.Asks or LineKind.Done => LineFields.Flags | LineFields.Number,
        LineKind.AddConsumer => LineFields.Number | LineFields.Other,
        LineKind.Browse => LineFields.Number | LineFields.Value | LineFields.Extra,
        LineKind.Cancel => LineFields.Number | LineFields.Place,
        LineKind.Delete => LineFields.Flags | LineFields.Number | LineFields.Text,
        LineKind.PartPublish => LineFields.Message,
        LineKind.GiveHistory => LineFields.Flags | LineFields.Text,
        LineKind.Delivery => LineFields.Flags | LineFields.Number | LineFields.Place | LineFields.Message,
        LineKind.Got => LineFields.Flags | LineFields.Number | LineFields.Place | LineFields.Extra | LineFields.Message,
        LineKind.StatusIs => LineFields.Flags | LineFields.Number | LineFields.Value | LineFields.Extra,
        LineKind.BrowsedMessage => LineFields.Other,
        LineKind.Browsed => LineFields.Flags | LineFields.Number | LineFields.Value,
        LineKind.Deleted => LineFields.Flags | LineFields.Number | LineFields.Value,
        LineKind.Failed => LineFields.Number | LineFields.Value | LineFields.Text,
        _ => null,
    };
}
