using AMQP.Net;
using Amqp.Core.DeadLetters;
using Amqp.Core.Messages;
using Amqp.Core.Queues;

namespace Amqp.Core.Tests.DeadLetters;

/// <summary>The headers of dead letters.</summary>
public class DeathsTests
{
    [Test]
    public void The_first_death_is_told_in_full()
    {
        var headers = Record(NewMessage("x", "key", FieldTable.From(("CC", FieldValue.From([FieldValue.From("c1"), FieldValue.From(7)]))), "50"), RemovalReason.Expired, "q");
        Assert.That($"{headers}", Does.StartWith("[CC: "));
        var death = Deaths(headers).Single();
        Assert.That(death, Is.EqualTo(FieldTable.From(
            ("original-expiration", FieldValue.From("50")),
            ("count", FieldValue.From(1L)),
            ("reason", FieldValue.From("expired")),
            ("queue", FieldValue.From("q")),
            ("time", FieldValue.Timestamp(1_000)),
            ("exchange", FieldValue.From("x")),
            ("routing-keys", FieldValue.From([FieldValue.From("key"), FieldValue.From("c1")])))));
        foreach (var which in (string[])["first", "last"])
            Assert.That((Text(headers, $"x-{which}-death-reason"), Text(headers, $"x-{which}-death-queue"), Text(headers, $"x-{which}-death-exchange")), Is.EqualTo(("expired", "q", "x")));
    }

    [Test]
    public void Each_queue_and_reason_is_counted_and_the_last_comes_first()
    {
        var headers = FieldTable.Empty;
        foreach (var (queue, reason) in new[] { ("a", RemovalReason.Rejected), ("b", RemovalReason.Expired), ("a", RemovalReason.BeyondLength), ("a", RemovalReason.Rejected) })
            headers = Record(NewMessage("x", "key", headers), reason, queue);
        Assert.That(string.Join(' ', Deaths(headers).Select(death => $"{Text(death, "queue")}:{Text(death, "reason")}:{Count(death)}")), Is.EqualTo("a:rejected:2 a:maxlen:1 b:expired:1"));
        Assert.That((Text(headers, "x-first-death-queue"), Text(headers, "x-last-death-reason")), Is.EqualTo(("a", "rejected")));
    }

    [Test]
    public void The_expiration_is_taken_away_and_the_rest_stays()
    {
        var message = NewMessage("x", "key", FieldTable.From(("own", FieldValue.From(1))), "50");
        var content = Core.DeadLetters.Deaths.Record(message, RemovalReason.Rejected, "q", 1_000);
        Assert.That((content.Properties.Expiration, content.Properties.IsPersistent, content.Properties.MessageId), Is.EqualTo(((string?)null, true, "id")));
        Assert.That(content.Properties.Headers!.TryGet("own", out _), Is.True);
        BasicProperties.Validate(content.Properties.Bytes.Span);
    }

    /// <summary>recover_deaths of mc_amqpl.erl.</summary>
    [Test]
    public void What_a_client_says_of_deaths_is_believed_where_it_says_all_of_it()
    {
        var whole = FieldTable.From(
            ("count", FieldValue.From(7)),
            ("reason", FieldValue.From("rejected")),
            ("queue", FieldValue.From("q")),
            ("time", FieldValue.Timestamp(5)),
            ("exchange", FieldValue.From("")),
            ("routing-keys", FieldValue.From([])));
        var claimed = FieldTable.From(("x-death", FieldValue.From([FieldValue.From("nonsense"), FieldValue.From(whole.Without("time")), FieldValue.From(whole)])));
        var headers = Record(NewMessage("", "q", claimed), RemovalReason.Rejected, "q");
        var death = Deaths(headers).Single();
        Assert.That((Count(death), death.TryGet("time", out var time) ? time.AsTimestamp : 0), Is.EqualTo((8, 5UL)));
        Assert.That(headers.Contains("x-first-death-queue"), Is.False, "it was not the first");
    }

    [Test]
    public void A_header_of_that_name_that_is_no_array_is_replaced()
    {
        var headers = Record(NewMessage("", "q", FieldTable.From(("x-death", FieldValue.From("text")))), RemovalReason.Rejected, "q");
        Assert.That((Deaths(headers).Count, Text(headers, "x-first-death-queue")), Is.EqualTo((1, "q")));
    }

    [TestCase("a:expired", "a", true)]
    [TestCase("a:maxlen", "a", true)]
    [TestCase("a:expired", "b", false)]
    [TestCase("a:rejected", "a", false)]
    [TestCase("a:expired b:expired", "a", true)]
    [TestCase("a:expired b:rejected", "a", false, Description = "a consumer wanted it so")]
    [TestCase("b:rejected a:expired", "a", true, Description = "but not since then")]
    public void A_cycle_is_one_that_no_consumer_has_had_a_part_in(string deaths, string target, bool isCycle)
    {
        var headers = FieldTable.Empty;
        foreach (var death in deaths.Split(' '))
        {
            var reason = death[2..] switch { "rejected" => RemovalReason.Rejected, "expired" => RemovalReason.Expired, _ => RemovalReason.BeyondLength };
            headers = Record(NewMessage("x", "key", headers), reason, death[..1]);
        }
        Assert.That(Core.DeadLetters.Deaths.IsCycle(headers, target), Is.EqualTo(isCycle));
    }

    private static FieldTable Record(Message message, RemovalReason reason, string queue) =>
        Core.DeadLetters.Deaths.Record(message, reason, queue, 1_000).Properties.Headers!;

    private static Message NewMessage(string exchange, string key, FieldTable headers, string? expiration = null)
    {
        var properties = new MutableProperties { Headers = headers, DeliveryMode = 2, Expiration = expiration, MessageId = "id" }.Encode();
        return new Message(exchange, key, new Content([.. properties, .. "body"u8], properties.Length)) { ExpirationMs = expiration is null ? -1 : long.Parse(expiration, null) };
    }

    private static List<FieldTable> Deaths(FieldTable headers) => headers.TryGet("x-death", out var deaths) ? [.. deaths.AsArray.Select(death => death.AsTable)] : [];

    private static string? Text(FieldTable table, string name) => table.TryGet(name, out var value) ? value.AsText : null;

    private static long Count(FieldTable death) => death.TryGet("count", out var count) && count.TryGetInteger(out var times) ? times : -1;
}
