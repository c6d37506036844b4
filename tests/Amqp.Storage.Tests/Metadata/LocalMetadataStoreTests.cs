using AMQP.Net;
using Amqp.Core.Tests.Topology;
using Amqp.Core.Security;
using Amqp.Core.Topology;
using Amqp.Storage.Metadata;
using Amqp.Testing;
using Microsoft.Extensions.Logging;

namespace Amqp.Storage.Tests.Metadata;

/// <summary>What is special about the file; what any store has to do is in <see cref="LocalMetadataStoreConformance"/>.</summary>
public class LocalMetadataStoreTests
{
    private readonly StoreFolder _folder = new();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void A_new_store_holds_what_every_broker_has()
    {
        Assert.That(TopologyText.Of(_folder.Open().Topology), Is.EqualTo(TopologyText.Of(TopologySnapshot.Initial)));
        Assert.That(_folder.Logger.Of(LogLevel.Warning).Concat(_folder.Logger.Of(LogLevel.Error)), Is.Empty);
    }

    [Test]
    public void What_is_transient_is_gone()
    {
        _folder.Open();
        _folder.Apply(new DeclareExchange("/", "x", "direct", true, false, false, FieldTable.Empty));
        _folder.Apply(new DeclareQueue("/", "durable", true, false, false, FieldTable.Empty, null));
        _folder.Apply(new DeclareQueue("/", "transient", false, false, false, FieldTable.Empty, null));
        _folder.Apply(new DeclareQueue("/", "exclusive", true, false, true, FieldTable.Empty, new ConnectionId("n", 1, 1)));
        foreach (var queue in (string[])["durable", "transient", "exclusive"])
            _folder.Apply(new Bind("/", new("x", Destination.Queue(queue), "k", FieldTable.Empty)));

        var vhost = _folder.Reopen().Topology.Find("/")!;
        Assert.That(vhost.Queues.Keys, Is.EqualTo(new[] { "durable" }));
        Assert.That(vhost.Bindings.Count, Is.EqualTo(1));
    }

    [Test]
    public void A_durable_exchange_whose_last_binding_was_transient_stays()
    {
        _folder.Open();
        _folder.Apply(new DeclareExchange("/", "x", "direct", true, AutoDelete: true, false, FieldTable.Empty));
        _folder.Apply(new DeclareQueue("/", "durable", true, false, false, FieldTable.Empty, null));
        _folder.Apply(new DeclareQueue("/", "transient", false, false, false, FieldTable.Empty, null));
        _folder.Apply(new Bind("/", new("x", Destination.Queue("durable"), "", FieldTable.Empty)));
        _folder.Apply(new Bind("/", new("x", Destination.Queue("transient"), "", FieldTable.Empty)));
        _folder.Apply(new Unbind("/", new("x", Destination.Queue("durable"), "", FieldTable.Empty)));

        Assert.That(_folder.Reopen().Topology.Find("/")!.FindExchange("x"), Is.Not.Null);
    }

    [Test]
    public void A_line_can_be_read_by_people()
    {
        _folder.Open();
        _folder.Apply(new DeclareQueue("/", "größe", true, false, false, FieldTable.Empty, null));
        Assert.That(_folder.Lines(), Has.Length.EqualTo(2));
        Assert.That(_folder.Lines()[0][9..], Is.EqualTo("""{"v":1,"opened":1}"""));
        Assert.That(_folder.Lines()[1][9..], Is.EqualTo(
            """{"v":1,"changes":[{"add":"queue","vhost":"/","name":"größe","id":1099511627777,"autoDelete":false}]}"""));
    }

    [Test]
    public void Users_are_stored_as_hashes()
    {
        _folder.Open();
        _folder.Apply(new AddUser("u", PasswordHash.Of("secret", [1, 2, 3, 4]), ["administrator"]));
        _folder.Apply(new SetUserLimits("u", new(5, null)));
        _folder.Apply(new SetPermissions("/", "u", new(new("^u"), new(""), new(".*"))));
        Assert.That(File.ReadAllText(_folder.Log), Does.Not.Contain("secret"));
        Assert.That(_folder.Lines()[2][9..], Is.EqualTo(
            """{"v":1,"changes":[{"add":"user","name":"u","password_hash":"AQIDBDB9kM21iEUzN1lZ+6VReCsdNqS0sERdAQTcY6Xs3PMz","hashing_algorithm":"rabbit_password_hashing_sha256","tags":["administrator"],"max-connections":5}]}"""));
        Assert.That(_folder.Lines()[3][9..], Is.EqualTo(
            """{"v":1,"changes":[{"add":"permissions","vhost":"/","user":"u","configure":"^u","write":"","read":".*"}]}"""));
        Assert.That(_folder.Reopen().Topology.FindUser("u")!.Password.Fits("secret"), Is.True);
    }

    [Test]
    public void What_operators_made_is_there_when_the_log_was_written_anew()
    {
        _folder.Open();
        _folder.Apply(new Commands(
        [
            new AddVhost("v", new VhostMetadata("a description", ["tag"], QueueType.Classic)),
            new SetVhostLimits("v", new(1, 2)),
            new DeleteVhost("/"),
            new AddUser("u", PasswordHash.Of("p", [1, 2, 3, 4], HashingAlgorithm.Sha512), ["a", "b"]),
            new SetPermissions("v", "u", new(new("c"), new("w"), new("r"))),
            new SetTopicPermissions("v", "u", "amq.topic", "^{username}", ".*"),
        ]));
        for (var i = 0; i < 1_200; i++) _folder.Apply(new SetUserTags("u", [$"{i}"]));
        Assert.That(_folder.Lines(), Has.Length.LessThan(1_000), "it was written anew");
        var before = _folder.Durable();
        Assert.That(_folder.Reopen().Durable(), Is.EqualTo(before).And.Contains("topic permissions").And.Not.Contains("vhost / "));
    }

    [Test]
    public void A_log_from_before_there_were_users_can_be_read()
    {
        _folder.Open();
        _folder.Apply(new DeclareQueue("/", "q", true, false, false, FieldTable.Empty, null));
        Assert.That(File.ReadAllText(_folder.Log), Does.Not.Contain("user").And.Not.Contain("\"add\":\"vhost\""));
        Assert.That(_folder.Reopen().Topology.Find("/")!.FindQueue("q"), Is.Not.Null);
    }

    [Test]
    public void A_log_that_is_mostly_history_is_written_anew()
    {
        _folder.Open();
        _folder.Apply(new DeclareExchange("/", "x", "fanout", true, false, false, FieldTable.Empty));
        for (var i = 0; i < 600; i++)
        {
            var queue = _folder.Apply(new DeclareQueue("/", $"q{i}", true, false, false, FieldTable.Empty, null)).Queue!;
            if (i % 100 == 0) _folder.Apply(new Bind("/", new("x", Destination.Queue(queue.Name), "", FieldTable.Empty)));
            else _folder.Apply(new DeleteQueue("/", queue.Name, queue.Id));
        }
        var before = _folder.Durable();
        Assert.That(_folder.Lines(), Has.Length.LessThan(500));
        Assert.That(_folder.Reopen().Durable(), Is.EqualTo(before));
    }

    [Test]
    public void Commits_of_many_are_answered_in_order()
    {
        _folder.Open();
        var answered = new List<int>();
        using var all = new CountdownEvent(500);
        var topology = _folder.Topology;
        for (var i = 0; i < 500; i++)
        {
            var result = TopologyReducer.Apply(topology, new DeclareQueue("/", $"q{i}", true, false, false, FieldTable.Empty, null));
            topology = result.Topology;
            var number = i;
            _folder.Store.Commit(basis: 0, [result], _ =>
            {
                answered.Add(number);
                all.Signal();
            });
        }
        Assert.That(all.Wait(Patience.Answer), Is.True);
        Assert.That(answered, Is.EqualTo(Enumerable.Range(0, 500)));
        Assert.That(_folder.Reopen().Topology.Find("/")!.Queues, Has.Count.EqualTo(500));
    }

    [TestCase(0, false)]
    [TestCase(1, true)]
    public void A_log_that_was_opened_too_often_is_refused(int more, bool isRefused)
    {
        var line = new System.Buffers.ArrayBufferWriter<byte>();
        DefinitionRecord.OfOpening(Amqp.Core.Records.Positions.EpochMax - 1 + more).WriteTo(line);
        File.WriteAllBytes(_folder.Log, line.WrittenSpan);
        if (isRefused) Assert.That(() => _folder.Open(), Throws.TypeOf<StorageException>().With.Message.Contains("8388607 times"));
        else Assert.That(_folder.Open().Store.Load().Epoch, Is.EqualTo(Amqp.Core.Records.Positions.EpochMax));
    }

    [Test]
    public void Closing_writes_what_was_committed()
    {
        _folder.Open();
        var result = TopologyReducer.Apply(_folder.Topology, new DeclareQueue("/", "q", true, false, false, FieldTable.Empty, null));
        _folder.Store.Commit(basis: 0, [result], _ => { });
        Assert.That(_folder.Reopen().Topology.Find("/")!.FindQueue("q"), Is.Not.Null);
    }

    [Test]
    public void A_log_that_cannot_be_written_anew_serves_on()
    {
        _folder.Open();
        // Where its successor should be is a directory.
        var obstacle = Directory.CreateDirectory(_folder.Log + ".new");
        DeclareAndDelete(times: 600);
        Assert.That(_folder.Lines(), Has.Length.EqualTo(1_201));
        Assert.That(_folder.Logger.Of(LogLevel.Warning).ToArray(), Has.Length.EqualTo(1));
        Assert.That(_folder.Failure, Is.Null);

        obstacle.Delete();
        DeclareAndDelete(times: 600);
        Assert.That(_folder.Lines(), Has.Length.LessThan(1_201));
        Assert.That(_folder.Reopen().Topology.Find("/")!.Queues, Is.Empty);
    }

    [Test]
    public void After_a_failure_nobody_is_answered()
    {
        _folder.Open();
        var result = TopologyReducer.Apply(_folder.Topology, new DeclareQueue("/", "q", true, false, false, FieldTable.Empty, null));
        var answered = false;
        _folder.Store.Commit(basis: 0, [result], _ => throw new IOException("as if the disk had failed"));
        _folder.Store.Commit(basis: 0, [result], _ => answered = true);
        _folder.Close();
        Assert.That(_folder.Failure, Is.InstanceOf<IOException>());
        Assert.That(answered, Is.False);
    }

    private void DeclareAndDelete(int times)
    {
        for (var i = 0; i < times; i++)
        {
            var queue = _folder.Apply(new DeclareQueue("/", "q", true, false, false, FieldTable.Empty, null)).Queue!;
            _folder.Apply(new DeleteQueue("/", queue.Name, queue.Id));
        }
    }
}
