from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('fukan', '0006_standing')]

    initial = False

    operations = [
        ops.AddField(
            model_name='Code',
            name='asked_in',
            field=fields.CharField(null=True, max_length=64),
        ),
    ]
