using AMQP.Net;
using Amqp.Core.Errors;
using Amqp.Core.Queues;
using Amqp.Core.Topology;

namespace Amqp.Core.Routing;

/// <summary>
/// An exchange of type <c>x-recent-history</c>, a plug-in of RabbitMQ: a fanout exchange that keeps its last messages, and gives them to each queue that is
/// bound to it.
/// </summary>
internal static class RecentHistory
{
    private const string LengthArgument = "x-recent-history-length";
    private const string NoStoreHeader = "x-recent-history-no-store";
    private const long LengthDefault = 20;

    /// <summary>406 if the length is no positive integer.</summary>
    public static BrokerError? Validate(Resource exchange, FieldTable arguments)
    {
        if (!arguments.TryGet(LengthArgument, out var length)) return null;
        return length.Type is FieldType.Byte or FieldType.Short or FieldType.SignedInt or FieldType.Long && length.TryGetInteger(out var number) && number > 0
            ? null
            : BrokerError.InvalidRecentHistoryLength(length);
    }

    /// <summary>Of the queue that keeps the messages.</summary>
    public static QueueSettings Settings(FieldTable arguments) => new()
    {
        Role = QueueRole.History,
        LengthMax = arguments.TryGet(LengthArgument, out var length) && length.TryGetInteger(out var number) ? number : LengthDefault,
    };

    /// <summary>Its publisher has not said that the message is not to be kept.</summary>
    public static bool Takes(FieldTable? headers) =>
        !(headers is not null && headers.TryGet(NoStoreHeader, out var value) && value.Type == FieldType.Bool && value.AsBool);
}
