using System.Globalization;
using AMQP.Net;

namespace Amqp.Perf;

/// <summary>The queues, and perhaps the exchange, of a run: declared before it and deleted after it.</summary>
internal sealed class Topology(PerfOptions options, PerfConnection connection)
{
    /// <summary>A type of exchange that holds messages back, and then routes by key.</summary>
    public const string Delayed = "x-delayed-message";

    public void Declare()
    {
        if (options.Exchange.Length > 0)
        {
            connection.Call<ExchangeDeclare, ExchangeDeclareOk>(new(
                options.Exchange, options.ExchangeType, Passive: false, options.Durable, AutoDelete: false, Internal: false, NoWait: false, ExchangeArguments));
        }
        for (var i = 0; i < options.Queues; i++)
        {
            var queue = options.QueueName(i);
            connection.Call<QueueDeclare, QueueDeclareOk>(new(
                queue, Passive: false, options.Durable, Exclusive: false, AutoDelete: false, NoWait: false, options.QueueArguments));
            if (options.Exchange.Length > 0)
                connection.Call<QueueBind, QueueBindOk>(new(queue, options.Exchange, queue, NoWait: false, FieldTable.Empty));
        }
        for (var i = 0; i < options.IdleBindings; i++)
        {
            var key = string.Create(CultureInfo.InvariantCulture, $"idle.{i}.*");
            connection.Call<QueueBind, QueueBindOk>(new(options.QueueName(0), options.Exchange, key, NoWait: false, FieldTable.Empty));
        }
    }

    private FieldTable ExchangeArguments =>
        options.ExchangeType == Delayed ? FieldTable.From(("x-delayed-type", FieldValue.From("direct"))) : FieldTable.Empty;

    public void Delete()
    {
        if (options.Keep) return;
        for (var i = 0; i < options.Queues; i++)
            connection.Call<QueueDelete, QueueDeleteOk>(new(options.QueueName(i), IfUnused: false, IfEmpty: false, NoWait: false));
        if (options.Exchange.Length > 0)
            connection.Call<ExchangeDelete, ExchangeDeleteOk>(new(options.Exchange, IfUnused: false, NoWait: false));
    }
}
