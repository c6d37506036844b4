using System.Text.Json;
using System.Text.Json.Nodes;
using Amqp.Broker;
using Amqp.Core.Metrics;
using Amqp.Core.Security;
using Amqp.Core.Topology;
using Amqp.Management.Clients;
using Amqp.Management.Http;
using Amqp.Management.Logins;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Amqp.Management.Endpoints;

/// <summary>The whole broker at a glance.</summary>
internal sealed class OverviewEndpoints(INodeHost host)
{
    /// <summary>Operators of this host have no tags of their own.</summary>
    private static readonly string[] TagsOfOperators = [User.Administrator];

    /// <summary>Seconds for which samples are kept.</summary>
    private static readonly int[] Retention = [60, 600, 3600, 28800, 86400];

    /// <summary>By that command lines find out that this is a management API.</summary>
    private static readonly object[] Extensions = [new { javascript = "dispatcher.js" }];

    private readonly OtherNodes _others = new(host);

    public void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/overview", Show).For(Right.Management, "Shows counts and rates of all, and who answers");
        // Without a login: a page asks for it to know how to log in.
        api.MapGet("/auth", () => Answer.Of(new { oauth_enabled = false })).For(Right.Anyone, "Shows how one logs in: with a name and a password");
        api.MapGet("/extensions", () => Answer.Of(Extensions)).For(Right.Management, "Lists extensions of RabbitMQ's web page: none");
        api.MapGet("/whoami", (Requester who) => Answer.Of(new
        {
            name = who.Name ?? TopologyCommand.OperatorOfHost,
            tags = who.User?.Tags.ToArray() ?? TagsOfOperators,
            is_internal_user = !who.IsOperatorOfHost,
        })).For(Right.Management, "Shows who asks");
    }

    /// <summary>What this node adds to what all nodes have together.</summary>
    public async Task<object[]> Here(ClientQuestion question)
    {
        var connections = (await host.Node.Connections.List()).Where(question.Wants).ToArray();
        var (meter, past) = (question.User is null ? host.Node.Meter : null, question.Past ?? Past.None);
        return
        [
            new
            {
                object_totals = new
                {
                    connections = connections.Length,
                    channels = connections.Sum(connection => connection.Channels.Length),
                    consumers = connections.Sum(connection => connection.Channels.Sum(channel => channel.Consumers.Length)),
                },
                lengths = new
                {
                    messages = Past.Details(meter, past.Lengths, Measure.Ready, Measure.Unacked),
                    ready = Past.Details(meter, past.Lengths, Measure.Ready),
                    unacked = Past.Details(meter, past.Lengths, Measure.Unacked),
                },
                message_stats = MessageStats.OfClient(meter, past),
                churn_rates = ChurnRates.Of(host.Node.Churn),
            },
        ];
    }

    /// <summary>Who is no monitor sees what is its own, as in RabbitMQ.</summary>
    private async Task<IResult> Show(Requester who, Past past, CancellationToken cancellation)
    {
        var vhosts = host.Node.Topology.VirtualHosts.Values.Where(who.Sees).ToArray();
        var queues = vhosts.SelectMany(vhost => host.Node.Queues.List(vhost.Name)).ToArray();
        var ready = queues.Sum(queue => (long)queue.Figures.Ready);
        var unacked = queues.Sum(queue => (long)queue.Figures.Unacked);
        var question = new ClientQuestion(ClientQuestion.Totals, User: who.SeesClientsOf, Past: past);
        var others = await _others.Ask(question, cancellation);
        var sums = JsonSums.Of(JsonSerializer.SerializeToElement((await Here(question))[0], Answer.Json), others.Items);
        var totals = sums["object_totals"]!.AsObject();
        totals["exchanges"] = vhosts.Sum(vhost => vhost.Exchanges.Count);
        totals["queues"] = queues.Length;
        return new PartialResult(AnswerOf(who, totals, sums, ready, unacked), others.Silent);
    }

    private IResult AnswerOf(Requester who, JsonObject totals, JsonObject sums, long ready, long unacked) =>
        Answer.Of(new
        {
            product_name = NodeIdentity.OwnName,
            product_version = NodeIdentity.OwnVersion,
            // Tools choose by it what to ask for.
            rabbitmq_version = host.Identity.ProductVersion,
            // The first that monitoring templates look at to choose what they ask for.
            management_version = host.Identity.ProductVersion,
            rates_mode = ForTools.RatesMode,
            sample_retention_policies = new { global = Retention, basic = Retention, detailed = Retention },
            exchange_types = ForTools.ExchangeTypes,
            erlang_version = ForTools.RuntimeVersion,
            erlang_full_version = ForTools.RuntimeName,
            disable_stats = false,
            is_op_policy_updating_enabled = true,
            release_series_support_status = "supported",
            enable_queue_totals = false,
            cluster_name = host.Node.ClusterName,
            node = host.Identity.Name,
            object_totals = totals,
            queue_totals = new
            {
                messages = ready + unacked,
                messages_details = sums["lengths"]!["messages"],
                messages_ready = ready,
                messages_ready_details = sums["lengths"]!["ready"],
                messages_unacknowledged = unacked,
                messages_unacknowledged_details = sums["lengths"]!["unacked"],
            },
            message_stats = sums["message_stats"],
            churn_rates = who.IsMonitor ? sums["churn_rates"] : new JsonObject(),
            statistics_db_event_queue = 0,
            listeners = who.IsMonitor ? NodeEndpoints.ListenersOf(host) : [],
            contexts = who.IsMonitor ? NodeEndpoints.ContextsOf(host) : [],
        });
}
