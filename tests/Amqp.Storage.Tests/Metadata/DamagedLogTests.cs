using System.Text;
using AMQP.Net;
using Amqp.Core.Records;
using Amqp.Core.Security;
using Amqp.Core.Topology;
using Microsoft.Extensions.Logging;

namespace Amqp.Storage.Tests.Metadata;

/// <summary>What a crash or a bad disk leaves behind.</summary>
public class DamagedLogTests
{
    private readonly StoreFolder _folder = new();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void A_log_cut_at_any_byte_is_a_beginning_of_what_was_done()
    {
        _folder.Open();
        var states = new List<(long Length, string Durable)> { (0, _folder.Durable()) };
        foreach (var command in Commands())
        {
            _folder.Apply(command());
            states.Add((new FileInfo(_folder.Log).Length, _folder.Durable()));
        }
        _folder.Close();
        var whole = File.ReadAllBytes(_folder.Log);

        for (var length = 0; length <= whole.Length; length++)
        {
            File.WriteAllBytes(_folder.Log, whole[..length]);
            _folder.Open();
            var expected = states.Last(state => state.Length <= length);
            Assert.That(_folder.Durable(), Is.EqualTo(expected.Durable), $"cut at {length}");
            Assert.That(_folder.Logger.Of(LogLevel.Error), Is.Empty);
            var torn = length > 0 && whole[length - 1] != '\n';
            Assert.That(_folder.Logger.Of(LogLevel.Warning).Count(), Is.EqualTo(torn ? 1 : 0), $"cut at {length}");
            _folder.Close();
        }
    }

    [Test]
    public void What_is_written_behind_a_torn_line_can_be_read()
    {
        Fill();
        File.AppendAllText(_folder.Log, "12345678 {\"v\":1,");
        _folder.Open();
        _folder.Apply(new DeclareQueue("/", "later", true, false, false, FieldTable.Empty, null));
        var before = _folder.Durable();
        Assert.That(_folder.Reopen().Durable(), Is.EqualTo(before));
        Assert.That(_folder.Logger.Of(LogLevel.Warning), Is.Empty);
    }

    [Test]
    public void A_damaged_line_is_put_aside_and_reported_and_the_rest_is_used()
    {
        Fill();
        var lines = File.ReadAllLines(_folder.Log);
        var damaged = Array.FindIndex(lines, line => line.Contains("\"q2\"", StringComparison.Ordinal));
        lines[damaged] = lines[damaged].Replace("\"q2\"", "\"q3\"", StringComparison.Ordinal);
        var content = string.Join('\n', lines) + '\n';
        File.WriteAllText(_folder.Log, content);

        _folder.Open();

        var vhost = _folder.Topology.Find("/")!;
        Assert.That(vhost.Queues.Keys, Is.EquivalentTo(new[] { "q1" }));
        Assert.That(vhost.Bindings.Count, Is.EqualTo(1), "the binding of the queue that was lost is lost too");
        var errors = _folder.Logger.Of(LogLevel.Error).ToArray();
        Assert.That(errors, Has.Length.EqualTo(2));
        Assert.That(errors[0], Does.Contain($"line {damaged + 1} is damaged"));
        Assert.That(errors[1], Does.Contain("q2"));
        Assert.That(File.ReadAllText(Directory.GetFiles(_folder.Path, "definitions.log.damaged-*").Single()), Is.EqualTo(content));

        _folder.Reopen();
        Assert.That(_folder.Logger.Of(LogLevel.Error), Is.Empty, "the damage is reported once");
        Assert.That(_folder.Topology.Find("/")!.Queues.Keys, Is.EquivalentTo(new[] { "q1" }));
    }

    [Test]
    public void A_flipped_bit_anywhere_is_noticed()
    {
        var everDeclared = Fill();
        var whole = File.ReadAllBytes(_folder.Log);
        for (var position = 0; position < whole.Length; position++)
        {
            var flipped = whole.ToArray();
            flipped[position] ^= 1;
            File.WriteAllBytes(_folder.Log, flipped);
            _folder.Open();
            var noticed = _folder.Logger.Of(LogLevel.Error).Concat(_folder.Logger.Of(LogLevel.Warning)).Any();
            Assert.That(noticed, Is.True, $"bit of byte {position}");
            Assert.That(_folder.Durable().Split('\n'), Is.SubsetOf(everDeclared), $"bit of byte {position}");
            _folder.Close();
            foreach (var copy in Directory.GetFiles(_folder.Path, "*.damaged-*")) File.Delete(copy);
        }
    }

    [Test]
    public void A_queue_whose_deletion_was_lost_gives_way_to_its_successor()
    {
        _folder.Open();
        var first = _folder.Apply(new DeclareQueue("/", "q", true, false, false, FieldTable.Empty, null)).Queue!;
        _folder.Apply(new DeleteQueue("/", "q", first.Id));
        var second = _folder.Apply(new DeclareQueue("/", "q", true, true, false, FieldTable.Empty, null)).Queue!;
        _folder.Close();
        Damage("\"remove\":\"queue\"");
        Assert.That(_folder.Open().Topology.Find("/")!.FindQueue("q")!.Id, Is.EqualTo(second.Id));
    }

    [Test]
    public void Numbers_of_queues_do_not_come_back_though_the_opening_is_damaged()
    {
        _folder.Open();
        var first = _folder.Apply(new DeclareQueue("/", "q", false, false, false, FieldTable.Empty, null)).Queue!;
        _folder.Close();
        Damage("\"opened\":1");
        _folder.Open();
        Assert.That(
            _folder.Apply(new DeclareQueue("/", "q", false, false, false, FieldTable.Empty, null)).Queue!.Id.Value,
            Is.GreaterThan(first.Id.Value));
    }

    [Test]
    public void A_line_of_a_newer_version_is_not_skipped()
    {
        Fill();
        const string line = """{"v":2,"somethings":[]}""";
        var crc = Crc32C.Of(Encoding.UTF8.GetBytes(line));
        File.AppendAllText(_folder.Log, $"{crc:x8} {line}\n");
        Assert.That(() => _folder.Open(), Throws.TypeOf<StorageException>().With.Message.Contains("newer version").And.Message.Contains("Line "));
    }

    /// <returns>All that was there at any time.</returns>
    private HashSet<string> Fill()
    {
        var ever = new HashSet<string>();
        _folder.Open();
        foreach (var command in Commands())
        {
            _folder.Apply(command());
            ever.UnionWith(_folder.Durable().Split('\n'));
        }
        _folder.Close();
        return ever;
    }

    private void Damage(string text)
    {
        var content = File.ReadAllText(_folder.Log);
        Assert.That(content, Does.Contain(text));
        File.WriteAllText(_folder.Log, content.Replace(text, text.ToUpperInvariant().Replace("1", "2", StringComparison.Ordinal), StringComparison.Ordinal));
    }

    /// <summary>Each made when its turn comes, because a deletion names the queue's number.</summary>
    private IEnumerable<Func<TopologyCommand>> Commands()
    {
        yield return () => new DeclareExchange("/", "x", "topic", true, false, false, FieldTable.From(("alternate-exchange", FieldValue.From("y"))));
        yield return () => new DeclareExchange("/", "gone", "fanout", true, AutoDelete: true, false, FieldTable.Empty);
        yield return () => new DeclareQueue("/", "q1", true, false, false, FieldTable.Empty, null);
        yield return () => new DeclareQueue("/", "q2", true, false, false, FieldTable.From(("x-expires", FieldValue.From(9))), null);
        yield return () => new DeclareQueue("/", "transient", false, false, false, FieldTable.Empty, null);
        yield return () => new Bind("/", new("x", Destination.Queue("q1"), "a.*", FieldTable.Empty));
        yield return () => new Bind("/", new("x", Destination.Queue("q2"), "größe", FieldTable.Empty));
        yield return () => new DeclareQueue("/", "q3", true, false, false, FieldTable.Empty, null);
        yield return () => new Bind("/", new("gone", Destination.Queue("q3"), "", FieldTable.Empty));
        yield return () => new DeleteQueue("/", "q3", _folder.Topology.Find("/")!.Queues["q3"].Id);
        yield return () => new AddVhost("v", new VhostMetadata("a description", ["tag"]));
        yield return () => new Commands([new AddUser("u", PasswordHash.Of("p", [1, 2, 3, 4]), ["administrator"]), new SetUserLimits("u", new(1, 2))]);
        yield return () => new SetPermissions("v", "u", Permissions.All);
        yield return () => new SetTopicPermissions("v", "u", "amq.topic", "a", "b");
        yield return () => new SetVhostLimits("v", new(3, 4));
        yield return () => new ClearPermissions("v", "u");
        yield return () => new DeleteUser("u");
        yield return () => new DeleteVhost("v");
    }
}
