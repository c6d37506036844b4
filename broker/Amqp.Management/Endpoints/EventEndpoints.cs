using System.Buffers;
using System.Threading.Channels;
using Amqp.Core.Security;
using Amqp.Management.Http;
using Amqp.Management.Logins;
using AMQP.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Amqp.Management.Endpoints;

/// <summary>What happens on this node, as it happens: a line of JSON an event, until the client goes or the node is to be stopped or drained.</summary>
internal sealed class EventEndpoints(INodeHost host)
{
    /// <summary>Events that wait for a client that reads slowly. What comes beyond is counted, and the client is told how many it did not get.</summary>
    private const int WaitingMax = 1_000;

    /// <summary>From one look at whether the node goes on to the next.</summary>
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    public void Map(IEndpointRouteBuilder api) => api.MapGet("/nodes/{node}/events", Stream)
        .For(Right.Administrator, "Tells what happens on this node, a line of JSON an event, for as long as the client listens (ours)");

    private async Task<IResult> Stream(HttpContext context, PathNames names, [FromQuery] string pattern = ".*")
    {
        if (names["node"] != host.Identity.Name) return Answer.NotFound;
        var wanted = new NamePattern(pattern);
        if (wanted.Defect is { } defect) return Answer.BadRequest($"'{pattern}' is not a regular expression: {defect}");
        var (events, lost) = (Channel.CreateBounded<FieldTable>(WaitingMax), 0);
        using var watching = host.Node.WatchEvents((name, fields) =>
        {
            if (wanted.IsMatch(name) && !events.Writer.TryWrite(Event(name, fields))) Interlocked.Increment(ref lost);
        });
        context.Response.ContentType = "application/x-ndjson";
        await context.Response.Body.FlushAsync(context.RequestAborted);
        while (!host.Node.Operations.IsDrained)
        {
            while (events.Reader.TryRead(out var happened)) Write(context.Response.BodyWriter, happened);
            if (Interlocked.Exchange(ref lost, 0) is > 0 and var count) Write(context.Response.BodyWriter, Event("events.lost", FieldTable.From(("count", FieldValue.From(count)))));
            await context.Response.BodyWriter.FlushAsync(context.RequestAborted);
            await Wait(events.Reader, context.RequestAborted);
        }
        return Results.Empty;
    }

    private static FieldTable Event(string name, FieldTable fields) => FieldTable.From([KeyValuePair.Create("event", FieldValue.From(name)), .. fields]);

    private static void Write(IBufferWriter<byte> output, FieldTable happened)
    {
        output.Write(Answer.Bytes(happened));
        output.Write("\n"u8);
    }

    /// <summary>For the next event, or until it is time to look at the node again.</summary>
    private static async Task Wait(ChannelReader<FieldTable> events, CancellationToken aborted)
    {
        using var look = CancellationTokenSource.CreateLinkedTokenSource(aborted);
        look.CancelAfter(LookInterval);
        try
        {
            await events.WaitToReadAsync(look.Token);
        }
        catch (OperationCanceledException) when (!aborted.IsCancellationRequested)
        {
            // Nothing has happened.
        }
    }
}
