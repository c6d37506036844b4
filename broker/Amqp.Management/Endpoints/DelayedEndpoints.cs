using Amqp.Core.Queues;
using Amqp.Core.Security;
using Amqp.Core.Topology;
using Amqp.Management.Http;
using Amqp.Management.Logins;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Amqp.Management.Endpoints;

/// <summary>Messages that wait in an exchange of type <c>x-delayed-message</c>. Ours.</summary>
internal sealed class DelayedEndpoints(INodeHost host)
{
    /// <summary>Messages that are looked through at a time for an id.</summary>
    private const int LookedAtMax = 256;

    public void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/exchanges/{vhost}/{exchange}/delayed", async (
            PathNames names,
            Requester who,
            [FromQuery] long from = 0,
            [FromQuery] int count = BrowseLimits.CountDefault,
            [FromQuery] int truncate = BrowseLimits.TruncateDefault,
            [FromQuery(Name = "message_id")] string? messageId = null) =>
        {
            if (BrowseLimits.Check(from, count, truncate) is { } mistake) return mistake;
            if (host.Node.Topology.Find(names["vhost"]) is { } vhost) who.Check(vhost, Access.Read, Resource.Exchange(vhost.Name, names["exchange"]));
            if (await Browse(names, from, count) is not { } part) return Answer.NotFound;
            if (messageId is null) return Answer.Of(MessageJson.Show(part, truncate));
            // One more than is shown tells whether there are more.
            var found = await Find(names, messageId).Take(count + 1).ToListAsync();
            return Answer.Of(new { messages = found.Take(count).Select(message => MessageJson.Show(message, truncate)), is_last = found.Count <= count });
        }).For(Right.InVhost, "Lists messages that wait in a delayed exchange (ours)");
        api.MapDelete("/exchanges/{vhost}/{exchange}/delayed/{position:long}", async (PathNames names, long position) =>
            await Cancel(names, position) ? Answer.Done : Answer.NotFound).For(Right.Administrator, "Removes one of them (ours)");
        api.MapDelete("/exchanges/{vhost}/{exchange}/delayed", async (PathNames names, [FromQuery(Name = "message_id")] string? messageId = null) =>
        {
            if (messageId is null) return Answer.BadRequest("message_id is missing: it says which messages are not to be delivered");
            var cancelled = 0;
            await foreach (var message in Find(names, messageId))
            {
                if (await Cancel(names, message.Position)) cancelled++;
            }
            return cancelled == 0 ? Answer.NotFound : Answer.Of(new { cancelled });
        }).For(Right.Administrator, "Removes those with a message id (ours)");
    }

    private Task<BrowsedPart?> Browse(PathNames names, long from, int count) => host.Node.Queues.BrowseDelayed(names["vhost"], names["exchange"], from, count);

    private Task<bool> Cancel(PathNames names, long position) => host.Node.Queues.CancelDelayed(names["vhost"], names["exchange"], position);

    /// <summary>All with that id. Nothing knows messages by their ids, so all that wait are looked through, a part at a time.</summary>
    private async IAsyncEnumerable<BrowsedMessage> Find(PathNames names, string messageId)
    {
        for (var from = 0L; await Browse(names, from, LookedAtMax) is { } part; from = part.Next)
        {
            foreach (var message in part.Messages)
            {
                if (message.Message!.Properties.MessageId == messageId) yield return message;
            }
            if (part.IsLast) yield break;
        }
    }
}
