using System.Text.Json.Nodes;

namespace Amqp.Ctl.Tests.Live;

/// <summary>Definitions to a file and back. RabbitMQ's import goes on after its command has ended; ours is done by then, and says so.</summary>
public class DefinitionStory : ToolFixture
{
    private string _directory = "";

    [SetUp]
    public void MakeDirectory() => _directory = Directory.CreateTempSubdirectory("definitions").FullName;

    [TearDown]
    public void DeleteDirectory() => Directory.Delete(_directory, recursive: true);

    [Test]
    public async Task What_is_exported_can_be_imported_again()
    {
        var file = Path.Combine(_directory, "rabbit.json");
        await Do("add_vhost kept");
        await Do("""set_policy -p kept ha-all ^a '{"ha-mode":"all"}'""");
        Assert.That((await Do($"export_definitions {file}")).Output, Is.EqualTo($"Exporting definitions in JSON to a file at \"{file}\" ...\n"));
        Assert.That((await Do("export_definitions -")).Output, Is.EqualTo(await File.ReadAllTextAsync(file) + "\n"));
        await Do("delete_vhost kept");
        Assert.That((await Do($"import_definitions {file}")).Output, Is.EqualTo($"Importing definitions in JSON from a file at \"{file}\" ...\nAll definitions have been imported.\n"));
        Assert.That((await Do("-s list_policies -p kept")).Output, Is.EqualTo("kept\tha-all\t^a\tall\t{\"ha-mode\":\"all\"}\t0\n"));
        Assert.That((await Do($"-q import_definitions {file}")).Output, Is.Empty);
        var definitions = JsonNode.Parse(await File.ReadAllTextAsync(file))!;
        Assert.That(definitions["vhosts"]!.AsArray().Select(vhost => vhost!["name"]!.GetValue<string>()), Does.Contain("kept"));
        await Do("delete_vhost kept");
    }

    [Test]
    public async Task What_cannot_be_done_is_told_with_the_code_for_bad_data()
    {
        var (missing, broken, empty) = (Path.Combine(_directory, "no", "file"), Path.Combine(_directory, "broken"), Path.Combine(_directory, "empty"));
        await File.WriteAllTextAsync(broken, "{");
        await File.WriteAllTextAsync(empty, "");
        foreach (var (command, code, reason) in new[]
        {
            ($"export_definitions {missing}", 65, $"Directory {Path.GetDirectoryName(missing)} does not exist"),
            ($"export_definitions {_directory}", 65, $"Could not write to file {_directory}"),
            ($"import_definitions {missing}", 65, $"File {missing} does not exist"),
            ($"import_definitions {broken}", 65, "Failed to deserialise input (format: JSON)"),
            ($"import_definitions {empty}", 65, $"File {empty} is zero-sized"),
            ($"export_definitions {broken} --format erlang", 65, "Format should be json"),
        })
        {
            var refused = await Run($"-q {command}");
            Assert.That((refused.Code, refused.Error.Contains(reason, StringComparison.Ordinal)), Is.EqualTo((code, true)), $"{command}: {refused.Error}");
        }
    }
}
