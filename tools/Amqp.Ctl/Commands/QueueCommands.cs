using System.CommandLine;
using System.Net;
using Amqp.Ctl.Output;
using static Amqp.Ctl.Control.ControlClient;

namespace Amqp.Ctl.Commands;

/// <summary>What an operator does to a queue.</summary>
internal static class QueueCommands
{
    private static readonly Option<bool> IfEmpty = new("--if-empty", "-e") { Description = "delete the queue if it is empty (has no messages ready for delivery)" };
    private static readonly Option<bool> IfUnused = new("--if-unused", "-u") { Description = "delete the queue only if it has no consumers" };

    public static CommandGroup Group { get; } = new("Queues",
    [
        new("delete_queue", "delete_queue [--vhost <vhost>] <queue_name> [--if-empty|-e] [--if-unused|-u]", "Deletes a queue")
        {
            Arguments = 1,
            Options = [IfEmpty, IfUnused],
            ShowsTimeout = true,
            Validate = invocation =>
            {
                if (invocation[0].Length == 0) throw BadArguments.Argument("queue name cannot be an empty string");
            },
            Banner = invocation => $"Deleting queue '{invocation[0]}' on vhost '{invocation.VirtualHost}' {Conditions(invocation)}...",
            Run = Delete,
        },
        new("purge_queue", "purge_queue <queue>", "Purges a queue (removes all messages in it)")
        {
            Arguments = 1,
            ShowsTimeout = true,
            Banner = invocation => $"Purging queue '{invocation[0]}' in vhost '{invocation.VirtualHost}' ...",
            Run = Purge,
        },
    ]);

    private static string Conditions(Invocation invocation) =>
        string.Join("and ", new[] { invocation.Get(IfEmpty) ? "if queue is empty " : "", invocation.Get(IfUnused) ? "if queue is unused " : "" }.Where(text => text.Length > 0));

    private static async Task<Result> Delete(Invocation invocation)
    {
        var conditions = new[] { invocation.Get(IfEmpty) ? "if-empty=true" : "", invocation.Get(IfUnused) ? "if-unused=true" : "" }.Where(text => text.Length > 0);
        var path = $"{Path("queues", invocation.VirtualHost, invocation[0])}?{string.Join('&', conditions)}".TrimEnd('?');
        var answer = await invocation.Client.Delete(path, invocation.Cancel, ("X-Count", "true"));
        if (answer.IsMissing) throw Failure.Error(ExitCode.Usage, "Queue not found");
        if (answer.Status == HttpStatusCode.BadRequest)
        {
            if (answer.Reason.Contains("not empty", StringComparison.Ordinal)) throw Failure.Error(ExitCode.Usage, "Queue is not empty");
            if (answer.Reason.Contains("in use", StringComparison.Ordinal)) throw Failure.Error(ExitCode.Usage, "Queue is in use");
        }
        return new Result.Message($"Queue was successfully deleted with {answer.Good().GetProperty("message_count")} ready messages");
    }

    private static async Task<Result> Purge(Invocation invocation)
    {
        var answer = await invocation.Client.Delete($"{Path("queues", invocation.VirtualHost, invocation[0])}/contents", invocation.Cancel);
        if (answer.IsMissing) throw new Failure(ExitCode.Data, "Object (queue, stream, exchange, etc) was not found");
        answer.Good();
        return Result.Done;
    }
}
