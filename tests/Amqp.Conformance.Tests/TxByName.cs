using Amqp.Conformance.Tests.Support;
using AMQP.Net;
using Amqp.Testing;

namespace Amqp.Conformance.Tests;

/// <summary>A transaction keeps the names of the queues it publishes to, and looks for them when it is committed.</summary>
[Same]
public sealed class TxByNameTests : ConformanceFixture
{
    private RawConnection _raw = null!;

    [SetUp]
    public async Task OpenTransaction()
    {
        _raw = await RawConnection.Open(Broker);
        await _raw.OpenChannel(1);
        await _raw.Call<TxSelect, TxSelectOk>(1, default);
        await _raw.OpenChannel(2);
    }

    [TearDown]
    public async Task Close() => await _raw.DisposeAsync();

    [TestCase("")]
    [TestCase("amq.direct")]
    public async Task A_queue_that_was_declared_again_meanwhile_gets_the_message(string exchange)
    {
        var queue = await Declare(Name());
        if (exchange.Length > 0) await _raw.Call<QueueBind, QueueBindOk>(2, new QueueBind(queue, exchange, queue, false, FieldTable.Empty));
        await _raw.Publish(1, exchange, queue, "1", mandatory: true);
        await RoundTrip();
        await Delete(queue);
        await Declare(queue);
        await _raw.Call<TxCommit, TxCommitOk>(1, default);
        await ExpectGet(queue, "1");
    }

    [Test]
    public async Task A_queue_that_was_not_there_yet_gets_what_named_it_as_its_routing_key()
    {
        var queue = Name();
        await _raw.Publish(1, "", queue, "1");
        await _raw.Publish(1, "", queue, "2", mandatory: true);
        await RoundTrip();
        await Declare(queue);
        await _raw.Call<TxCommit, TxCommitOk>(1, default);
        await ExpectGet(queue, "1");
        await ExpectGet(queue, "2");
    }

    [Test]
    public async Task What_goes_nowhere_by_now_is_returned_in_order_before_commit_ok()
    {
        var (gone, there) = (await Declare(Name("gone")), await Declare(Name("there")));
        await _raw.Publish(1, "", gone, "1", mandatory: true);
        await _raw.Publish(1, "", "nowhere at all", "2", mandatory: true);
        await _raw.Publish(1, "", there, "3", mandatory: true);
        await _raw.Publish(1, "", gone, "4", mandatory: false);
        await _raw.Publish(1, "", gone, "5", mandatory: true);
        await RoundTrip();
        await Delete(gone);
        await _raw.Send(1, default(TxCommit));
        foreach (var text in (string[])["1", "2", "5"])
        {
            Assert.That((await _raw.Expect<BasicReturn>(1)).ReplyCode, Is.EqualTo(ReplyCode.NoRoute));
            Assert.That((await _raw.ExpectContent(1)).Text, Is.EqualTo(text));
        }
        await _raw.Expect<TxCommitOk>(1);
        await ExpectGet(there, "3");
    }

    [Test]
    public async Task What_a_commit_returns_and_frees_comes_behind_commit_ok_and_in_order()
    {
        var queue = await Declare(Name());
        for (var number = 1; number <= 4; number++) await _raw.Publish(2, "", queue, $"{number}");
        await _raw.Call<BasicQos, BasicQosOk>(1, new BasicQos(0, 2, Global: false));
        await _raw.Call<BasicConsume, BasicConsumeOk>(1, new BasicConsume(queue, "a", false, NoAck: false, false, false, FieldTable.Empty));
        for (var number = 1; number <= 2; number++) await ExpectDelivery($"{number}");
        await _raw.Send(1, new BasicNack(2, Multiple: true, Requeue: true));
        await _raw.Call<TxCommit, TxCommitOk>(1, default);
        for (var number = 1; number <= 2; number++) await ExpectDelivery($"{number}");
    }

    private async Task<string> Declare(string queue)
    {
        await _raw.Call<QueueDeclare, QueueDeclareOk>(2, new QueueDeclare(queue, false, false, Exclusive: true, false, false, FieldTable.Empty));
        return queue;
    }

    private async Task Delete(string queue) => await _raw.Call<QueueDelete, QueueDeleteOk>(2, new QueueDelete(queue, false, false, false));

    /// <summary>Whatever the transaction's channel was sent is done.</summary>
    private async Task RoundTrip() => await _raw.Call<BasicQos, BasicQosOk>(1, new BasicQos(0, 0, Global: false));

    private async Task ExpectDelivery(string text) => Assert.That((await _raw.ExpectDelivery(1)).Content.Text, Is.EqualTo(text));

    private async Task ExpectGet(string queue, string text)
    {
        await _raw.Call<BasicGet, BasicGetOk>(2, new BasicGet(queue, NoAck: true));
        Assert.That((await _raw.ExpectContent(2)).Text, Is.EqualTo(text));
    }
}
