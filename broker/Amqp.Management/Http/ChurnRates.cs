using Amqp.Core.Metrics;

namespace Amqp.Management.Http;

/// <summary>What came and went on a node, by RabbitMQ's names: in the overview of all nodes together, in each node's own.</summary>
internal static class ChurnRates
{
    public static Dictionary<string, object> Of(Churn churn)
    {
        var shown = new Dictionary<string, object>();
        foreach (var (name, tally) in new[]
        {
            ("connection_created", churn.ConnectionsOpened), ("connection_closed", churn.ConnectionsClosed), ("channel_created", churn.ChannelsOpened), ("channel_closed", churn.ChannelsClosed),
            ("queue_declared", churn.QueuesDeclared), ("queue_created", churn.QueuesCreated), ("queue_deleted", churn.QueuesDeleted),
        })
        {
            shown[name] = tally.Count;
            shown[name + "_details"] = new { rate = Math.Round(tally.Rate, 1) };
        }
        return shown;
    }
}
