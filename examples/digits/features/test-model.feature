Feature: Test the deployed model

  Scenario: The deployed model answers well
    Given dataset is available
    Given deployment is accessible
    When I run test on the deployed model
    Then I should get metrics

  Scenario: The deployed model refuses bad input
    Given deployment is accessible
    When I send a digit with a missing pixel
    Then I should get status 422
