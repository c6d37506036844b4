using Amqp.Broker;
using Amqp.Core.Topology;
using Amqp.Management.Endpoints;
using Amqp.Management.Http;

namespace Amqp.Management.Definitions;

/// <summary>
/// Everything declared, as RabbitMQ 3.13's <c>definitions.json</c> has it: to be kept, or moved to another broker. Left out is what every virtual host has, and what ends with its connection.
/// </summary>
internal static class DefinitionsExport
{
    private const string OfQueues = "name,vhost,durable,auto_delete,arguments";
    private const string OfExchanges = "name,vhost,type,durable,auto_delete,internal,arguments";
    private const string OfBindings = "source,vhost,destination,destination_type,routing_key,arguments";

    /// <summary>Of the whole broker.</summary>
    public static object Of(INodeHost host)
    {
        var topology = host.Node.Topology;
        var vhosts = topology.VirtualHosts.Values.OrderBy(vhost => vhost.Name, StringComparer.Ordinal).ToArray();
        return new
        {
            rabbit_version = host.Identity.ProductVersion,
            rabbitmq_version = host.Identity.ProductVersion,
            product_name = NodeIdentity.OwnName,
            product_version = NodeIdentity.OwnVersion,
            users = topology.Users.Values.OrderBy(user => user.Name, StringComparer.Ordinal).Select(UserEndpoints.Show),
            vhosts = vhosts.Select(VhostEndpoints.Define),
            permissions = PermissionEndpoints.All(vhosts),
            topic_permissions = TopicPermissionEndpoints.All(vhosts),
            parameters = vhosts.SelectMany(ParameterEndpoints.Of),
            global_parameters = topology.GlobalParameters.OrderBy(parameter => parameter.Key, StringComparer.Ordinal).Select(ParameterEndpoints.Show),
            policies = vhosts.SelectMany(PolicyEndpoints.UserPoliciesOf),
            queues = Chosen(OfQueues, vhosts.SelectMany(vhost => QueuesOf(host, vhost))),
            exchanges = Chosen(OfExchanges, vhosts.SelectMany(vhost => ExchangesOf(host, vhost))),
            bindings = Chosen(OfBindings, vhosts.SelectMany(BindingsOf)),
        };
    }

    /// <summary>Of one virtual host: no name of it is in it, so that it can be imported into another one.</summary>
    public static object Of(INodeHost host, VirtualHost vhost) => new
    {
        rabbit_version = host.Identity.ProductVersion,
        parameters = Chosen("component,name,value", ParameterEndpoints.Of(vhost)),
        policies = Chosen("name,pattern,apply-to,definition,priority", PolicyEndpoints.UserPoliciesOf(vhost)),
        queues = Chosen(WithoutVhost(OfQueues), QueuesOf(host, vhost)),
        exchanges = Chosen(WithoutVhost(OfExchanges), ExchangesOf(host, vhost)),
        bindings = Chosen(WithoutVhost(OfBindings), BindingsOf(vhost)),
    };

    private static string WithoutVhost(string fields) => fields.Replace("vhost,", "", StringComparison.Ordinal);

    private static IEnumerable<object?> Chosen(string fields, IEnumerable<object> shown) => shown.Select(Columns.Of(fields).Of);

    private static IEnumerable<object> QueuesOf(INodeHost host, VirtualHost vhost) =>
        from queue in vhost.Queues.Values where queue.Owner is null orderby queue.Name select new ShownQueue(host, queue);

    private static IEnumerable<object> ExchangesOf(INodeHost host, VirtualHost vhost) =>
        from exchange in vhost.Exchanges.Values
        where exchange.Name.Length > 0 && !Names.IsReserved(exchange.Name)
        orderby exchange.Name
        select ExchangeEndpoints.Show(host, exchange, Past.None);

    private static IEnumerable<object> BindingsOf(VirtualHost vhost) =>
        from binding in BindingEndpoints.Declared(vhost)
        where binding.Destination.Kind != ResourceKind.Queue || vhost.FindQueue(binding.Destination.Name) is { Owner: null }
        select BindingEndpoints.Show(vhost.Name, binding);
}
