using Amqp.Durability.Tests.Load;
using Session = Amqp.Durability.Tests.Load.Ledger.Session;

namespace Amqp.Durability.Tests;

/// <summary>The ledger must find what is planted in a history: else the rounds with real brokers prove nothing.</summary>
public sealed class LedgerTests
{
    private readonly Session _first = new(life: 1);
    private readonly Session _second = new(life: 2);
    private Ledger _ledger = null!;

    [SetUp]
    public void Begin()
    {
        _ledger = new Ledger("q", "r");
        _first.Highest.Clear();
        _second.Highest.Clear();
    }

    [Test]
    public void A_history_without_fault_is_accepted()
    {
        Publish(1, 2, 3);
        Consume(_first, 1, 2);
        Get(_first, 3);
        Get(_second, 3, redelivered: true);
        Ack(_second, 3);
        Expect();
        Assert.That((_ledger.Published, _ledger.Confirmed, _ledger.Deliveries, _ledger.CameBack), Is.EqualTo((3, 3, 4, 0)));
    }

    [Test]
    public void A_confirmed_message_that_never_comes_is_lost()
    {
        Publish(1, 2, 3);
        Consume(_first, 1, 3);
        Expect("lost: persistent 1.2.* never came out of 'q'");
    }

    [Test]
    public void A_confirmed_message_that_one_of_its_queues_does_not_have_is_lost()
    {
        _ledger.Publishing(Persistent(1), "q", "r");
        _ledger.Confirm(Persistent(1), life: 1);
        Consume(_first, 1);
        Expect("lost: persistent 1.1.* never came out of 'r'");
    }

    [Test]
    public void A_message_that_vanishes_between_its_delivery_and_its_ack_is_lost()
    {
        Publish(1);
        Get(_first, 1);
        Expect("lost: persistent 1.1.* not acknowledged, and never came again");
    }

    [TestCase(1, 0, TestName = "A transient message may be lost in a crash")]
    [TestCase(2, 1, TestName = "A transient message may not be lost without a crash")]
    public void Transient(int life, int violations)
    {
        var message = new Stamp(1, 1, Persistent: false);
        _ledger.Publishing(message, "q");
        _ledger.Confirm(message, life);
        _ledger.Close(lastLife: 2);
        Assert.That((_ledger.TransientLost, _ledger.Violations), Is.EqualTo((1 - violations, _ledger.Violations)));
        Assert.That(_ledger.Violations, Has.Count.EqualTo(violations));
    }

    [Test]
    public void A_message_that_was_not_confirmed_may_come_or_not()
    {
        for (var number = 1; number <= 3; number++) _ledger.Publishing(Persistent(number), "q");
        _ledger.Refuse(Persistent(2));
        Consume(_first, 3);
        Expect();
    }

    [Test]
    public void A_message_that_nobody_published_is_invented()
    {
        Publish(1);
        Consume(_first, 1, 2);
        Expect("invented: persistent 1.2 in 'q'");
    }

    [Test]
    public void A_message_of_another_queue_is_misrouted()
    {
        Publish(1);
        Consume(_first, 1);
        _ledger.Deliver("r", _first, Persistent(1), redelivered: false);
        Expect("misrouted: persistent 1.1 came to 'r'");
    }

    [Test]
    public void A_body_with_another_checksum_is_damaged()
    {
        var body = Persistent(1).Body(Stamp.BytesMin + 50, new Random(1));
        Assert.That(Stamp.Of(body), Is.EqualTo(Persistent(1)));
        for (var at = 0; at < body.Length; at++)
        {
            body[at] ^= 4;
            Assert.That(Stamp.Of(body), Is.Null, $"octet {at}");
            body[at] ^= 4;
        }
        Assert.That(Stamp.Of(body.AsSpan(0, body.Length - 1)), Is.Null);
        _ledger.Deliver("q", _first, Stamp.Of(body.AsSpan(1)), redelivered: false);
        Expect("damaged: a message in 'q'");
    }

    [Test]
    public void First_deliveries_out_of_order_are_found()
    {
        Publish(1, 2, 3);
        Consume(_first, 1, 3, 2);
        Expect("order: 'q' delivered persistent 1.2 after 3", "order: persistent 1.2 came out of 'q' for the first time after 3");
    }

    [Test]
    public void A_message_that_loses_its_place_in_a_crash_is_found()
    {
        Publish(1, 2, 3);
        Consume(_first, 1, 3);
        Get(_second, 2, redelivered: true);
        Ack(_second, 2);
        Expect("order: persistent 1.2 came out of 'q' for the first time after 3");
    }

    [Test]
    public void Redeliveries_out_of_order_are_found_where_there_is_one_consumer()
    {
        Publish(1, 2);
        Get(_first, 1);
        Get(_first, 2);
        foreach (var number in (int[])[2, 1]) Get(_second, number, redelivered: true);
        Ack(_second, 1);
        Ack(_second, 2);
        Expect("order: 'q' delivered persistent 1.1 after 2");
    }

    [Test]
    public void Where_there_are_two_consumers_redeliveries_may_come_in_any_order_and_first_ones_may_not()
    {
        var other = new Session(life: 1);
        _ledger = new Ledger();
        foreach (var number in (int[])[1, 2, 3, 4]) _ledger.Publishing(Persistent(number), "two");
        _ledger.Deliver("two", _first, Persistent(2), redelivered: false);
        _ledger.Deliver("two", other, Persistent(1), redelivered: false);
        _ledger.Deliver("two", other, Persistent(4), redelivered: false);
        _ledger.Deliver("two", _first, Persistent(1), redelivered: true);
        Assert.That(_ledger.Violations, Is.Empty);
        _ledger.Deliver("two", other, Persistent(3), redelivered: false);
        Expect("order: 'two' delivered persistent 1.3 after 4");
    }

    [Test]
    public void A_repetition_without_its_mark_is_found()
    {
        Publish(1);
        Get(_first, 1);
        Get(_second, 1);
        Ack(_second, 1);
        Expect("unmarked: persistent 1.1");
    }

    [Test]
    public void An_acknowledged_message_may_come_back_after_a_crash_and_is_counted()
    {
        Publish(1);
        Consume(_first, 1);
        Get(_second, 1, redelivered: true);
        Ack(_second, 1);
        Expect();
        Assert.That(_ledger.CameBack, Is.EqualTo(1));
    }

    [Test]
    public void An_acknowledged_message_that_comes_back_without_a_crash_is_found()
    {
        Publish(1);
        Consume(_first, 1);
        Get(new Session(life: 1), 1, redelivered: true);
        Expect("again: persistent 1.1 .* without a crash");
    }

    [Test]
    public void An_acknowledged_message_that_comes_back_although_its_ack_was_on_disk_is_found()
    {
        Publish(1);
        Consume(_first, 1);
        _ledger.AcksAreDurable(life: 1);
        Get(_second, 1, redelivered: true);
        Ack(_second, 1);
        Expect("again: persistent 1.1 .* its ack was on disk");
    }

    private static Stamp Persistent(int number) => new(1, number, Persistent: true);

    private void Publish(params int[] numbers)
    {
        foreach (var number in numbers)
        {
            _ledger.Publishing(Persistent(number), "q");
            _ledger.Confirm(Persistent(number), life: 1);
        }
    }

    private void Get(Session session, int number, bool redelivered = false) => _ledger.Deliver("q", session, Persistent(number), redelivered);

    private void Ack(Session session, int number) => _ledger.Acking("q", session.Life, Persistent(number));

    private void Consume(Session session, params int[] numbers)
    {
        foreach (var number in numbers)
        {
            Get(session, number);
            Ack(session, number);
        }
    }

    /// <summary>Closes the ledger: it must have found these violations and no others.</summary>
    private void Expect(params string[] patterns)
    {
        _ledger.Close(lastLife: 2);
        Assert.That(_ledger.Violations, Has.Count.EqualTo(patterns.Length), string.Join('\n', _ledger.Violations));
        foreach (var (violation, pattern) in _ledger.Violations.Zip(patterns)) Assert.That(violation, Does.Match(pattern));
    }
}
