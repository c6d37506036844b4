using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Amqp.Ctl.Output;
using static Amqp.Ctl.Control.ControlClient;

namespace Amqp.Ctl.Commands;

/// <summary><c>trace show</c>, which RabbitMQ does not have: what became of a message.</summary>
internal static class TraceCommand
{
    public static CtlCommand Command { get; } = new("trace", "trace show <id> [-p <vhost>]", "Tells what became of the messages with that message id or correlation id, where the policy key trace or trace_on has it kept")
    {
        Arguments = 2,
        ShowsTimeout = true,
        Validate = invocation =>
        {
            if (invocation[0] != "show") throw BadArguments.Argument("trace knows one word, show; trace_on and trace_off switch it for a vhost");
        },
        Run = Show,
    };

    private static async Task<Result> Show(Invocation invocation)
    {
        var answer = (await invocation.Client.Get($"{Path("trace", invocation.VirtualHost)}?id={Uri.EscapeDataString(invocation[1])}", invocation.Cancel)).Good();
        if (answer.GetArrayLength() == 0)
        {
            throw Failure.Error(
                ExitCode.Data,
                $"Nothing is known of a message with the id '{invocation[1]}' in vhost '{invocation.VirtualHost}'. What becomes of messages is kept for an hour (Limits:TraceMs) of queues with a policy such as "
                + $"set_policy trace '^name$' '{{\"trace\":true}}', or of all after trace_on; and a message is found by its message id or correlation id only.");
        }
        return new Result.Document(string.Join("\n\n", answer.EnumerateArray().Select(Tell)), JsonNode.Parse(answer.GetRawText())!);
    }

    private static string Tell(JsonElement trail)
    {
        var forgotten = trail.GetProperty("events_forgotten").GetInt32();
        string?[] ids = [Text(trail, "message_id") is { } id ? $"message id '{id}'" : null, Text(trail, "correlation_id") is { } correlation ? $"correlation id '{correlation}'" : null];
        return string.Join('\n',
        [
            $"Message with {string.Join(" and ", ids.OfType<string>())}:",
            .. trail.GetProperty("events").EnumerateArray().Select(Line),
            .. forgotten > 0 ? [$"({forgotten} events after the first one are not kept any more)"] : Array.Empty<string>(),
        ]);
    }

    private static string Line(JsonElement happened)
    {
        var at = DateTimeOffset.FromUnixTimeMilliseconds(happened.GetProperty("at").GetInt64()).ToString("yyyy-MM-dd HH:mm:ss.fff", CultureInfo.InvariantCulture);
        return $"{at}  {Text(happened, "node")}  {Sentence(happened)}";
    }

    private static string Sentence(JsonElement happened)
    {
        // Where it waits before it is routed there is an exchange and no queue.
        var place = Text(happened, "queue") is { } queue ? $"queue '{queue}'" : $"exchange '{Text(happened, "exchange")}'";
        var deadLetters = Text(happened, "dead_letter_exchange") is { } exchange ? $", and goes to dead-letter exchange '{exchange}'" : "";
        return Text(happened, "step") switch
        {
            "published" => $"published to exchange '{Text(happened, "exchange")}' with routing key '{Text(happened, "routing_key")}'{Client(happened)}; goes to {Queues(happened)}",
            "unroutable" => $"published to exchange '{Text(happened, "exchange")}' with routing key '{Text(happened, "routing_key")}'{Client(happened)}; no queue is bound for it",
            "entered" => $"is in {place}",
            "refused" => $"refused by {place}, which is full",
            "duplicate" => $"not taken by {place}, which has one with the same deduplication key",
            "delivered" => $"delivered from {place} to consumer '{Text(happened, "consumer_tag")}'{Client(happened)}{Again(happened)}",
            "got" => $"fetched from {place}{Client(happened)}{Again(happened)}",
            "requeued" => $"came back to {place}",
            "acknowledged" => $"acknowledged, and out of {place}",
            "rejected" => $"rejected, and out of {place}{deadLetters}",
            "expired" => $"expired in {place}{deadLetters}",
            "maxlen" => $"dropped by {place}, which was beyond its length{deadLetters}",
            "delivery_limit" => $"came back more often than the delivery limit of {place} allows{deadLetters}",
            "due" => $"has waited in {place} for as long as it was to, and is routed",
            "purged" => $"purged from {place}",
            "damaged" => $"could not be read from the store of {place}, and is gone",
            "queue_deleted" => $"deleted with {place}",
            var other => $"{other} {place}",
        };
    }

    private static string Client(JsonElement happened) => $" by user '{Text(happened, "user")}' on connection {Text(happened, "connection")}, channel {happened.GetProperty("channel").GetInt32()}";

    private static string Queues(JsonElement happened)
    {
        var queues = happened.GetProperty("queues").EnumerateArray().Select(queue => $"'{queue.GetString()}'").ToArray();
        return queues.Length > 0 ? $"queues {string.Join(", ", queues)}" : "no queue yet";
    }

    private static string Again(JsonElement happened) => happened.GetProperty("redelivered").GetBoolean() ? ", not for the first time" : "";

    private static string? Text(JsonElement shown, string name) => shown.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
