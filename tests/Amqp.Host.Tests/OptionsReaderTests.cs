using Amqp.Core;
using Amqp.Host.Options;
using Microsoft.Extensions.Configuration;

namespace Amqp.Host.Tests;

internal sealed class OptionsReaderTests
{
    [Test]
    public void Without_any_configuration_the_defaults_hold()
    {
        var options = OptionsReader.Read(new ConfigurationBuilder().Build());
        Assert.That(options.Listeners.Amqp, Is.EqualTo(new ListenerOptions { Address = "localhost", Port = 5672 }));
        Assert.That(options.Storage.Directory, Is.EqualTo("data"));
        Assert.That(options.Limits, Is.EqualTo(new Limits()));
        Assert.That(options.Node.Name, Does.StartWith("rabbit@"));
    }

    [Test]
    public void The_file_of_the_repository_says_what_the_defaults_are()
    {
        var file = Path.Combine(AppContext.BaseDirectory, "appsettings.json");
        var options = OptionsReader.Read(new ConfigurationBuilder().AddJsonFile(file).Build());
        Assert.That(options, Is.EqualTo(new BrokerOptions()));
    }

    [Test]
    public void The_command_line_comes_last()
    {
        var options = OptionsReader.Read(new ConfigurationBuilder()
            .AddInMemoryCollection([new("Listeners:Amqp:Port", "1"), new("Limits:FrameBytes", "8192")])
            .AddCommandLine(["--Listeners:Amqp:Port=2"])
            .Build());
        Assert.That((options.Listeners.Amqp.Port, options.Limits.FrameBytes), Is.EqualTo((2, 8192)));
        Assert.That(options.Listeners.Amqp.Address, Is.EqualTo("localhost"), "what is not set keeps its default");
    }

    [TestCase("RabbitMQ", "", ExpectedResult = "RabbitMQ 3.13.7")]
    [TestCase("RabbitMQ", "3.12.0", ExpectedResult = "RabbitMQ 3.12.0")]
    [TestCase("Warren", "", ExpectedResult = "Warren 0.1.0")]
    [TestCase("Warren", "9.9", ExpectedResult = "Warren 9.9")]
    public string The_version_goes_with_the_name_unless_it_is_given(string product, string version)
    {
        var identity = new NodeOptions { Product = product, ProductVersion = version }.Identity;
        return $"{identity.Product} {identity.ProductVersion}";
    }

    [TestCase("Limits:FrameBites", "1", "Option 'Limits:FrameBites' is not known")]
    [TestCase("Listeners:Mqtt:Port", "1", "Option 'Listeners:Mqtt' is not known")]
    [TestCase("Listener", "1", "Option 'Listener' is not known")]
    [TestCase("Node:Name", "rabbit", "Option 'Node:Name' is 'rabbit'")]
    [TestCase("Node:Name", "@host", "Option 'Node:Name' is '@host'")]
    [TestCase("Listeners:Amqp:Address", "nowhere", "Option 'Listeners:Amqp:Address' is 'nowhere'")]
    [TestCase("Listeners:Amqp:Address", "127.1", "Option 'Listeners:Amqp:Address' is '127.1'")]
    [TestCase("Listeners:Amqp:Address", "5672", "Option 'Listeners:Amqp:Address' is '5672'")]
    [TestCase("Listeners:Amqp:Address", "[::1]:5672", "Option 'Listeners:Amqp:Address' is '[::1]:5672'")]
    [TestCase("Listeners:Amqps:ClientNameFrom", "1", "Option 'Listeners:Amqps:ClientNameFrom' is '1', which is not possible: it has to be DistinguishedName or CommonName or SubjectAlternativeName")]
    [TestCase("Listeners:Amqps:ClientNameFrom", "7", "Option 'Listeners:Amqps:ClientNameFrom' is '7'")]
    [TestCase("Listeners:Amqps:ClientNameFrom", "CommonName,SubjectAlternativeName", "Option 'Listeners:Amqps:ClientNameFrom'")]
    [TestCase("Listeners:Amqp:Port", "65536", "Option 'Listeners:Amqp:Port' is '65536'")]
    [TestCase("Listeners:Amqp:Port", "amqp", "'Listeners:Amqp:Port'")]
    [TestCase("Storage:Directory", "", "Option 'Storage:Directory' is ''")]
    [TestCase("Storage:Engine", "sqlite", "Option 'Storage:Engine' is 'sqlite', which is not possible: it has to be auto, litedb or journal")]
    [TestCase("Security:DefaultPassword", "", "Option 'Security:DefaultPassword'")]
    [TestCase("Security:DefaultUser", "", "Option 'Security:DefaultUser' is ''")]
    [TestCase("Security:DefaultVhost", "", "Option 'Security:DefaultVhost' is ''")]
    [TestCase("Security:Mechanisms", "", "Option 'Security:Mechanisms' is '', which is not possible: it has to be one or more of AMQPLAIN, EXTERNAL, PLAIN")]
    [TestCase("Security:Mechanisms", " , ", "Option 'Security:Mechanisms' is ' , '")]
    [TestCase("Security:Mechanisms", "PLAIN,GSSAPI", "Option 'Security:Mechanisms' is 'PLAIN,GSSAPI'")]
    [TestCase("Delays:Levels", "1s 5", "Option 'Delays:Levels' is '1s 5', which is not possible: it has to be one or more times")]
    [TestCase("Limits:FailedLoginsPerMinute", "0", "a number from 1")]
    [TestCase("Limits:FrameBytes", "4095", "a number from 4096")]
    [TestCase("Limits:ChannelsPerConnection", "0", "a number from 1")]
    [TestCase("Limits:MessageBytes", "536870913", "a number from 0 to 536870912")]
    [TestCase("Limits:HandshakeMs", "0", "Option 'Limits:HandshakeMs'")]
    [TestCase("Limits:SendMs", "0", "a number from 100")]
    [TestCase("Limits:DiskFreeBytes", "-1", "a number from 0 to 9223372036854775807")]
    [TestCase("Limits:DiskFreeOfMemory", "1000.5", "Option 'Limits:DiskFreeOfMemory' is '1000.5', which is not possible: it has to be a number from 0 to 1000")]
    [TestCase("Listeners:Amqps:Certificates:0:Password", "x", "Option 'Listeners:Amqps:Certificates:File' is '', which is not possible: it has to be the path of a file")]
    [TestCase("Listeners:Amqps:RequireClientCertificate", "true", "Option 'Listeners:Amqps:ClientCaFile' is '', which is not possible: it has to be set where RequireClientCertificate is")]
    public void What_cannot_be_is_refused_by_name(string option, string value, string message)
    {
        var configuration = new ConfigurationBuilder().AddCommandLine([$"--{option}={value}"]).Build();
        Assert.That(() => OptionsReader.Read(configuration), Throws.TypeOf<OptionsException>().With.Message.Contains(message));
    }

    [Test]
    public void Two_options_that_do_not_go_together_are_refused()
    {
        var configuration = new ConfigurationBuilder().AddCommandLine(["--Limits:MemoryBytes=1000", "--Limits:PageOutBytes=1001"]).Build();
        Assert.That(
            () => OptionsReader.Read(configuration),
            Throws.TypeOf<OptionsException>().With.Message.EqualTo("Option 'Limits:PageOutBytes' is '1001', which is not possible: it has to be at most Limits:MemoryBytes, 1000."));
    }

    [TestCase("Listeners:Amqp:Address", "0.0.0.0")]
    [TestCase("Listeners:Amqp:Address", "::")]
    [TestCase("Listeners:Amqp:Address", "0:0:0:0:0:0:0:1")]
    [TestCase("Listeners:Amqps:ClientNameFrom", "commonname")]
    public void What_can_be_is_taken(string option, string value) =>
        Assert.That(() => OptionsReader.Read(new ConfigurationBuilder().AddCommandLine([$"--{option}={value}"]).Build()), Throws.Nothing);

    [Test]
    public void Other_programs_variables_are_none_of_our_business()
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection([new("PATH", "/bin"), new("SHELL", "sh")]).Build();
        Assert.That(() => OptionsReader.Read(configuration), Throws.Nothing);
    }
}
